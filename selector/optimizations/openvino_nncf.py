"""OpenVINO on the CPU, quantized to int8 by its own tool, NNCF.

The name has the quantizer beside the runtime and the precision as suffix, as all names have: `openvino_nncf-int8`.
It places its quantizers by what OpenVINO can fuse and corrects the bias of what it quantized, so it is another road
than the shared graph, and often the more accurate one.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from selector.devices.base import library_versions
from selector.optimizations.base import Bench, Built, register
from selector.optimizations.graph import EXPORT_LIBRARIES, EXPORT_PACKAGES, export_onnx, onnx_path
from selector.optimizations.openvino import OpenVino
from selector.optimizations.quantization import calibration_of, is_transformer


class OpenVinoNncf(OpenVino):
    """The shared fp32 graph, quantized by NNCF into OpenVINO's own format (an .xml and a .bin file)."""

    libraries = (*EXPORT_LIBRARIES, "nncf", "openvino", "pillow", "torchvision")
    packages = (("nncf", "nncf"), ("openvino", "openvino"), *EXPORT_PACKAGES)
    calibrated = True

    def __init__(self) -> None:
        super().__init__("int8")
        self.name = "openvino_nncf-int8"
        self.description = "OpenVINO, CPU plug-in, int8 by NNCF"

    def build(self, bench: Bench) -> Built:
        """Quantizes on the calibration images."""
        exported = export_onnx(bench)
        record_path = self._record(bench)
        record = bench.cache.read_json(record_path)
        if record is None or not all((record_path.parent / name).is_file() for name in record["files"]):
            record = self._quantized(bench)
            bench.cache.write_json(record_path, record)
        files = [record_path.parent / name for name in record["files"]]
        return Built(
            exported.seconds + float(record["seconds"]),
            sum(file.stat().st_size for file in files),
            (record_path, *files),
            {**exported.diagnostics, "quantization_seconds": float(record["seconds"])},
        )

    def path(self, bench: Bench) -> Path:
        """The .xml file; OpenVINO finds the .bin beside it by its name."""
        record = self._record(bench)
        known = bench.cache.read_json(record)
        if known is None:
            raise FileNotFoundError(f"{record} is gone")
        return record.with_name(known["files"][0])

    def _record(self, bench: Bench) -> Path:
        key = {
            "graph": onnx_path(bench).stem,
            "calibration": calibration_of(bench).key,
            "versions": library_versions(("nncf", "onnx", "openvino", "pillow", "torchvision")),
        }
        return bench.cache.path("nncf", key, ".json")

    def _quantized(self, bench: Bench) -> dict[str, Any]:
        import nncf
        import onnx
        import openvino

        images = list(calibration_of(bench).images())
        graph = onnx_path(bench)
        started = time.perf_counter()
        model = openvino.Core().read_model(str(graph))
        kind = nncf.ModelType.TRANSFORMER if is_transformer(onnx.load(str(graph))) else None
        quantized = nncf.quantize(model, nncf.Dataset(images), subset_size=len(images), model_type=kind)
        seconds = time.perf_counter() - started
        # Two processes may do this at once: each pair of files has a name of its own, the record says which is read.
        own = self._record(bench).with_name(f"{self._record(bench).stem}-{uuid.uuid4().hex[:8]}.xml")
        files = (own, own.with_suffix(".bin"))
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / own.name
            openvino.save_model(quantized, str(saved), compress_to_fp16=False)
            for file in files:
                with bench.cache.writing(file) as temporary:
                    shutil.copyfile(saved.with_name(file.name), temporary)
        return {
            "model": bench.candidate.architecture,
            "precision": "int8",
            "seconds": seconds,
            "files": [file.name for file in files],
        }


register(OpenVinoNncf())
