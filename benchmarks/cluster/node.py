"""One node, in a process of its own: python -m benchmarks.cluster.node '{"kind": …, "jars": …, "home": …}'.

Runs until its standard input ends, so that no node outlives the process that started it.
"""

import json
import os
import signal
import sys
from typing import Any

import jpype

from elsa_index.engines.lucene.jvm import find_java


def main() -> None:
    asked = json.loads(sys.argv[1])
    options = ["-Xrs", "-XX:+UseSerialGC", *asked["java_options"]]
    java = find_java()
    if java.version >= 24:
        options.append("--enable-native-access=ALL-UNNAMED")
    jpype.startJVM(str(java.library), *options, classpath=[f"{asked['jars']}/*"], convertStrings=False)
    start = {"opensearch": _opensearch, "elasticsearch": _elasticsearch}[asked["kind"]]
    node = start(asked["home"], asked["settings"])
    sys.stdin.buffer.read()
    del node
    os.kill(os.getpid(), signal.SIGKILL)  # its data are thrown away with it


def _strings(values: Any) -> Any:
    return jpype.java.util.Arrays.asList(*values)


_MODULES = ("transport.Netty4ModulePlugin", "index.mapper.MapperExtrasModulePlugin")


def _opensearch(home: str, settings: dict[str, Any]) -> Any:
    runner = jpype.JClass("org.codelibs.opensearch.runner.OpenSearchRunner")

    @jpype.JImplements("org.codelibs.opensearch.runner.OpenSearchRunner$Builder")
    class Builder:
        @jpype.JOverride
        def build(self, number: int, node_settings: Any) -> None:
            for name, value in settings.items():
                if isinstance(value, list):
                    node_settings.putList(name, _strings(value))
                else:
                    node_settings.put(name, value)

    node = runner()
    node.onBuild(Builder())
    configs = runner.newConfigs().basePath(home).numOfNode(1).clusterName(settings["cluster.name"])
    # Only what we use: the module with languages asks for locale data that a Java without all its modules lacks.
    node.build(configs.moduleTypes(",".join(f"org.opensearch.{name}" for name in _MODULES)))
    return node


def _elasticsearch(home: str, settings: dict[str, Any]) -> Any:
    """A single node. Its constructor that takes plugins is for subclasses, so it is called through reflection."""
    builder = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    chosen = {"path.home": home, "discovery.type": "single-node", "http.type": "netty4", "transport.type": "netty4"}
    for name, value in (settings | chosen).items():
        builder.put(name, value)
    nothing = jpype.java.util.Collections.emptyMap()
    preparer = jpype.JClass("org.elasticsearch.node.InternalSettingsPreparer")
    environment = preparer.prepareEnvironment(builder.build(), nothing, None, None)
    names = ("transport.Netty4Plugin", "index.mapper.MapperExtrasPlugin")
    plugins = _strings([jpype.JClass(f"org.elasticsearch.{name}").class_ for name in names])
    constructors = jpype.JClass("org.elasticsearch.node.Node").class_.getDeclaredConstructors()
    with_plugins = next(one for one in constructors if one.getParameterCount() == 3)
    with_plugins.setAccessible(True)
    node = with_plugins.newInstance([environment, plugins, False])
    node.start()
    return node


if __name__ == "__main__":
    main()
