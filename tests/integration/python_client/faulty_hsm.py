"""A deployment whose HSM goes wrong on demand: SoftHSM2 behind tests/fakes/fault_module.h."""

import os
import pathlib

from deployment import Deployment

MODULE = pathlib.Path(os.environ["KEYSVC_FAULT_MODULE"])


class FaultyHsm(Deployment):
    """A Deployment with rules for its HSM (tests/fakes/fault_plan.h), none at first."""

    def make(self) -> None:
        super().make()
        self.edit("config.yaml", r"^  module: .*$", f"  module: {MODULE}")

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "KEYSVC_FAULT_RULES": str(self.rules),
                "KEYSVC_FAULT_TRACE": str(self.trace)}

    @property
    def rules(self) -> pathlib.Path:
        return self.folder / "fault-rules"

    @property
    def trace(self) -> pathlib.Path:
        return self.folder / "fault-trace"

    def fail(self, *rules: str) -> None:
        """From now on these rules hold, and no others; a running service notices."""
        new = self.rules.with_suffix(".new")
        new.write_text("".join(f"{rule}\n" for rule in rules))
        new.rename(self.rules)

    def heal(self) -> None:
        self.rules.unlink(missing_ok=True)

    def calls(self) -> list[str]:
        """The functions that the service has called since forget_calls()."""
        return self.trace.read_text().split() if self.trace.exists() else []

    def forget_calls(self) -> None:
        # Emptied in place: the service has it open, and appends.
        with open(self.trace, "a", encoding="ascii") as trace:
            trace.truncate(0)
