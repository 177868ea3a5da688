"""Starting, killing and stopping nodes. Jars come from Maven, in pinned versions; Java is the one that runs Lucene."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["opensearch", "elasticsearch"]
JARS = Path(__file__).parents[2] / ".jars"
STARTED_WITHIN = 180  # seconds


class ClusterUnavailable(RuntimeError):
    """What is missing to run a cluster here, and what to do."""


def jars(kind: Kind) -> Path:
    """The folder with a node's jars, fetched by Maven when they are first needed: 71 or 32 MB."""
    folder, complete = JARS / kind, JARS / kind / ".complete"
    if complete.exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise ClusterUnavailable(f"{kind} comes from Maven Central, and mvn is not on PATH; install Maven.")
    pom = Path(__file__).with_name(f"{kind}.pom.xml")
    command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise ClusterUnavailable(f"Maven could not fetch {kind}: {done.stdout.strip()[-500:]}")
    complete.touch()
    return folder


@dataclass
class Node:
    """name, url, and its process; None while it is down."""

    name: str
    http: int
    transport: int
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"


class Cluster:
    """Nodes with their data below `directory`. As a context manager it stops all it started, whatever happens; nodes
    also stop by themselves when this process dies.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 3,
        *,
        kind: Kind = "opensearch",
        heap: str = "1g",
        short_lived: bool = False,
    ) -> None:
        """short_lived: start quickly and never compile well, for nodes that answer a few requests.

        Raises ClusterUnavailable where the jars or a Java are missing.
        """
        self.directory, self._kind, self._jars = directory, kind, jars(kind)
        self._java_options = [f"-Xmx{heap}"]
        if short_lived:
            self._java_options += ["-XX:TieredStopAtLevel=1"]
        ports = iter(_free_ports(2 * nodes))
        self.nodes = [Node(f"node{at + 1}", next(ports), next(ports)) for at in range(nodes)]

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    @property
    def url(self) -> str:
        """All nodes, as `elsa-index build --url` takes them."""
        return ",".join(self.urls)

    def __enter__(self) -> "Cluster":
        try:
            for at in range(len(self.nodes)):
                self.start(at)
            self.wait_for("green")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, at: int) -> None:
        """Starts a node, or starts it again on the data that it left."""
        node = self.nodes[at]
        home = self.directory / node.name
        home.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {
            "cluster.name": f"elsa-index-{self.nodes[0].transport}",
            "node.name": node.name,
            "http.port": str(node.http),
            "transport.port": str(node.transport),
            "network.host": "127.0.0.1",
            "cluster.routing.allocation.disk.threshold_enabled": "false",  # the disk is not the nodes' own
        }
        if self._kind == "opensearch":
            settings["discovery.type"] = "zen"
            settings["discovery.seed_hosts"] = [f"127.0.0.1:{other.transport}" for other in self.nodes]
            settings["cluster.initial_cluster_manager_nodes"] = [other.name for other in self.nodes]
        argument = json.dumps(
            {
                "kind": self._kind,
                "jars": str(self._jars),
                "java_options": self._java_options,
                "home": str(home),
                "settings": settings,
            }
        )
        with (self.directory / f"{node.name}.log").open("ab") as log:
            # A session of its own: Ctrl-C is for this process, which then stops its nodes.
            node.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.cluster.node", argument],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, at: int) -> None:
        """SIGKILL: the node has no time to say good-bye."""
        process = self.nodes[at].process
        if process is not None:
            process.kill()
            process.wait()
            self.nodes[at].process = None

    def stop(self) -> None:
        for at in range(len(self.nodes)):
            self.kill(at)

    def wait_for(self, status: str, within: float = STARTED_WITHIN) -> float:
        """Seconds until the cluster, with all running nodes, has this health. Raises ClusterUnavailable."""
        started = time.perf_counter()
        running = [node for node in self.nodes if node.process is not None]
        while time.perf_counter() - started < within:
            for node in running:
                if node.process is not None and node.process.poll() is not None:
                    raise ClusterUnavailable(f"{node.name} stopped: {self._end_of_log(node)}")
            found = self.health(running[0].url)
            if found.get("status") in _AT_LEAST[status] and found["number_of_nodes"] == len(running):
                return time.perf_counter() - started
            time.sleep(0.2)
        raise ClusterUnavailable(f"The cluster is not {status} after {within} s: {self._end_of_log(running[0])}")

    @staticmethod
    def health(url: str) -> dict[str, Any]:
        """The answer of _cluster/health; empty while the node does not answer."""
        try:
            with urllib.request.urlopen(f"{url}/_cluster/health", timeout=5) as answer:  # noqa: S310 (our own node)
                return json.loads(answer.read())
        except (OSError, urllib.error.URLError):
            return {}

    def _end_of_log(self, node: Node) -> str:
        log = self.directory / f"{node.name}.log"
        return log.read_text(errors="replace")[-1000:] if log.exists() else "no log"


_AT_LEAST = {"green": ("green",), "yellow": ("yellow", "green")}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
