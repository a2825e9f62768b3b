# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
"""Classes that say what is to become of their file, and read arguments that they do not declare."""

from pywats_client.converters import (
    ConverterBase,
    ConverterResult,
    FileConverter,
    PostProcessAction,
)

NAMES = {"delete": "DELETE", "move": "MOVE", "zip": "ZIP", "keep": "KEEP"}


def report(serial):
    return {
        "type": "T",
        "pn": "PN-1",
        "sn": serial,
        "rev": "A",
        "processCode": 10,
        "result": "P",
        "start": "2026-03-02T08:15:30+01:00",
        "root": {"stepType": "SequenceCall", "name": "Main", "group": "M", "status": "P"},
    }


class AsTheFileSays(FileConverter):
    """The file holds the name of an action, or `-`."""

    name = "as the file says"

    def convert(self, source, context):
        action = self.read_file_text(source.path).strip()
        if action == "-":
            return ConverterResult.success_result(report("SN-1"))
        known = getattr(PostProcessAction, NAMES[action]) if action in NAMES else action
        return ConverterResult.success_result(report("SN-1"), post_action=known)


class UsuallyDeletes(AsTheFileSays):
    default_post_action = PostProcessAction.DELETE


class DoesNotKnow(AsTheFileSays):
    @property
    def default_post_action(self):
        raise RuntimeError("not decided")


class DeclaresNothing(FileConverter):
    name = "declares nothing"

    def convert(self, source, context):
        return ConverterResult.success_result(report(str(context.get_argument("serial", "none"))))


class OldDeclaresNothing(ConverterBase):
    name = "old declares nothing"

    def convert_file(self, file_path, args):
        given = args.user_settings
        action = PostProcessAction(given.get("post_action", "move"))
        return ConverterResult.success_result(
            report(f"{given.get('serial', 'none')}-{self.user_settings.get('serial', 'none')}"),
            post_action=action,
        )


class CannotSay(OldDeclaresNothing):
    """Its declarations are no mapping."""

    def get_arguments(self):
        return ["serial"]
