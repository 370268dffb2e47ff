"""The mean of the weights of readers that were trained from the same one.

    python mean.py READER READER... OUT
"""
import sys
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    *folders, out = map(Path, sys.argv[1:])
    if (out / "model.safetensors").exists():
        sys.exit(f"{out} holds a reader already")
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    if any(w.keys() != weights[0].keys() for w in weights):
        sys.exit("the readers differ in their weights' names")
    out.mkdir(parents=True, exist_ok=True)
    for path in folders[0].iterdir():
        if path.is_file() and path.name != "model.safetensors":
            shutil.copy(path, out)
    mean = {name: sum(w[name].float() for w in weights) / len(weights) for name in weights[0]}
    save_file({name: value.contiguous() for name, value in mean.items()}, out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
