"""Tables of claims.csv."""
from pathlib import Path
def print_tables(plan: dict, file: Path) -> None:
    print(file)
