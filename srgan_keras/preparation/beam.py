"""`prepare --runner beam`: the same work on each file as a pipeline of Apache Beam.

Beam's options choose where it runs. The default is the direct runner with one process per core.
`--runner=FlinkRunner` and others run the pipeline unchanged. Every worker must see the source and
the output folder under the same paths.
"""

import json
import os
import shlex
import shutil
import tempfile
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
    files: list[File], out: Path, long_side: int, fov_mask: int, options: str
) -> Iterator[tuple[File, Measured]]:
    """Process files; all results come when the pipeline has ended.

    If the pipeline is killed before its end, the next run starts it over.

    Args:
        files: source files.
        out: the preprocessed dataset.
        long_side: in px, see `take_in`.
        fov_mask: version, see `take_in`.
        options: Beam's options, as on a command line; they replace those of the direct runner.

    Yields:
        A file and the measurements of `take_in`, in any order.
    """
    defaults = [
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={os.cpu_count()}",
        "--default_sdk_harness_log_level=WARNING",
    ]
    results = Path(tempfile.mkdtemp(dir=out, prefix=".beam-"))
    with beam.Pipeline(options=PipelineOptions([*defaults, *shlex.split(options)])) as pipeline:
        _ = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "take in" >> beam.Map(_line, str(out.resolve()), long_side, fov_mask)
            | "results" >> beam.io.WriteToText(str(results / "measured"))
        )
    by_source = {file.source: file for file in files}
    for part in sorted(results.iterdir()):
        with part.open(encoding="utf-8") as lines:
            for line in lines:
                source, measured = json.loads(line)
                yield by_source[source], measured
    shutil.rmtree(results)


def _line(file: File, out: str, long_side: int, fov_mask: int) -> str:
    return json.dumps([file.source, take_in(file.path, file.id, Path(out), long_side, fov_mask)])
