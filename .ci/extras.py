"""Install a wheel with each extra in an environment of its own, and use what the extra adds.

    python .ci/extras.py dist/srgan_keras-0.1.0-py3-none-any.whl [EXTRA ...]

Needs the command uv and a package registry. EXTRA is an extra of setup.cfg, `none`, or `all` (every
extra of `USES` in one environment); without EXTRA, each in turn. Prints a line for each and ends
with status 1 if one failed. `import srgan_keras` must load no package of an extra.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USES = {
    "export": """
        for format in onnx openvino litert; do srgan-keras export ./mine --format $format; done
        for engine in onnx openvino; do
            srgan-keras upscale ./mine eye.png --engine $engine --out $engine
        done""",
    "beam": "srgan-keras upscale ./mine eye.png --runner beam --engine keras --out beam",
    "hub": "srgan-keras publish ./mine somebody/mine",
    "dicom": """
        srgan-keras upscale ./mine eye.png --format dicom --out dicom
        srgan-keras inspect dicom/eye.dcm""",
    "jax": """
        export KERAS_BACKEND=jax
        python -c 'import keras, srgan_keras; keras.models.load_model("mine/generator.keras")'""",
    "app": "python -c 'from srgan_keras.app.server import build_app'",
    "serve": f"cd {ROOT / 'docs/serving'} && python -c 'import service'",
    "bench": "python -c 'import jax, torch, psutil, ncnn'",
    "notebook": "jupyter lab --version",
    "docs": "mkdocs --version",
    "test": "pytest --version && ruff --version",
}
PACKAGES = (
    *("onnx", "onnxruntime", "openvino", "nncf", "apache_beam", "huggingface_hub", "pydicom"),
    *("jax", "gradio", "fastapi", "uvicorn", "bentoml", "torch", "ncnn", "mkdocs", "pytest"),
)
ALONE = f"""
import sys, srgan_keras, srgan_keras.cli
loaded = sorted(set(sys.modules) & set({PACKAGES!r}))
assert not loaded, f"import srgan_keras loads {{', '.join(loaded)}}"
"""
PREPARE = """
import shutil, cv2, srgan_keras
from srgan_keras.phantoms.phantom import phantom
cv2.imwrite("eye.png", phantom(0, 64).image[..., ::-1])
shutil.copytree(srgan_keras.load("fundus-x2").path, "mine")
"""


def main() -> None:
    """Install and try each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("extras", nargs="*", metavar="EXTRA")
    options = parser.parse_args()
    if not shutil.which("uv"):
        parser.error("uv is missing: pip install uv")
    failed = []
    for extra in options.extras or ("none", *USES, "all"):
        problem = tried(options.wheel.resolve(), extra)
        print(f"{extra}: {problem or 'installs and works'}", flush=True)
        failed += [extra] * bool(problem)
    sys.exit(bool(failed))


def tried(wheel: Path, extra: str) -> str:
    """Install the wheel with an extra and use it; return the end of the output if that failed."""
    names = {"none": (), "all": tuple(USES)}.get(extra, (extra,))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "venv")
        python = folder / "bin" / "python"
        environment = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "2"}
        wanted = f"srgan_keras[{','.join(names)}] @ {wheel.as_uri()}"
        install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
        install += ["--constraint", str(ROOT / "requirements.txt"), wanted]
        commands = [
            ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)],
            install,
            ["uv", "pip", "check", "--quiet", "--python", str(python)],
            [str(python), "-c", ALONE],
            [str(python), "-c", PREPARE],
            *(["bash", "-ec", USES[name]] for name in names),
        ]
        for command in commands:
            done = subprocess.run(
                command, cwd=scratch, env=environment, capture_output=True, text=True
            )
            if done.returncode:
                return f"{command[0]} failed: {(done.stdout + done.stderr)[-800:]}"
    return ""


if __name__ == "__main__":
    main()
