"""`prepare --runner beam`: the same work on each file as a pipeline of Apache Beam.

What runs where is the business of Beam's options: by default its direct runner, with a process a
core; `--runner=FlinkRunner ...` and the like run it unchanged, where every worker sees the source
and the prepared folder under the same paths.
"""

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from srgan_keras.data.listing import File
from srgan_keras.errors import UsageError
from srgan_keras.preparation.intake import Measured, take_in

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError:
    raise UsageError("--runner beam needs Apache Beam: pip install 'srgan_keras[beam]'") from None


def run_beam(
    files: list[File], out: Path, long_side: int, options: str
) -> Iterator[tuple[File, Measured]]:
    """Take files in; all results come when the pipeline has ended.

    A run that is killed before begins anew.

    Args:
        files: to take in.
        out: the prepared folder.
        long_side: in px, see `take_in`.
        options: of Beam, as on a command line; they go over the direct runner's.

    Yields:
        A file and what `take_in` measured, in any order.
    """
    results = out / "beam"
    shutil.rmtree(results, ignore_errors=True)
    defaults = [
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={os.cpu_count()}",
        "--default_sdk_harness_log_level=WARNING",
    ]
    with beam.Pipeline(options=PipelineOptions([*defaults, *shlex.split(options)])) as pipeline:
        _ = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "take in" >> beam.Map(_line, out=str(out.resolve()), long_side=long_side)
            | "results" >> beam.io.WriteToText(str(results / "measured"))
        )
    by_source = {file.source: file for file in files}
    for part in sorted(results.iterdir()):
        with part.open(encoding="utf-8") as lines:
            for line in lines:
                source, measured = json.loads(line)
                yield by_source[source], measured
    shutil.rmtree(results)


def _line(file: File, out: str, long_side: int) -> str:
    return json.dumps([file.source, take_in(file.path, file.id, Path(out), long_side)])
