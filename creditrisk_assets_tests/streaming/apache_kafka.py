"""A real Apache Kafka (KRaft, one node) from Maven artifacts, for the tests."""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from creditrisk_assets_tests.streaming.brokers import BrokerProcess, free_ports

POM = Path(__file__).with_name("kafka-pom.xml")
USER, PASSWORD = "scorer", "correct horse"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_PLAINTEXT://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_PLAINTEXT://127.0.0.1:{sasl}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{user}="{password}";
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# After a kill the node is let in again when its old session has ended; nine seconds otherwise.
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
# Retention and compaction within the seconds of a test.
log.initial.task.delay.ms=200
log.retention.check.interval.ms=200
log.cleaner.backoff.ms=200
"""
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
JAVA = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", QUIET)


class KafkaUnavailableError(RuntimeError):
    """Apache Kafka cannot be had on this machine; the message says what is missing."""


@functools.cache
def class_path() -> str:
    """The broker's jars; from Maven's cache when it holds them, else fetched into it."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise KafkaUnavailableError(f"{tool} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        said = ""
        for offline in (["-o"], []):
            done = _maven(Path(folder) / "classpath", offline)
            if done.returncode == 0:
                return (Path(folder) / "classpath").read_text()
            said = done.stdout
    raise KafkaUnavailableError(f"Maven cannot provide it: {said.strip()[-600:]}")


def _maven(output: Path, options: list[str]) -> "subprocess.CompletedProcess[str]":
    goal = ["dependency:build-classpath", "-DincludeScope=runtime", f"-Dmdep.outputFile={output}"]
    lock = Path(tempfile.gettempdir()) / f"creditrisk-maven-{os.getuid()}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # Maven's cache is not made for two writers
        return subprocess.run(
            ["mvn", "-q", "-B", *options, "-f", str(POM), *goal],
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip


class ApacheKafka(BrokerProcess):
    """One node that is broker and controller; the port `sasl_port` asks for a password."""

    name = "apache"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._class_path = class_path()
        self.controller, self.sasl_port = free_ports(2)
        self._properties = folder / "server.properties"

    def start(self) -> None:
        if not self._properties.exists():
            self._format()
        super().start()

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *JAVA, "-cp", self._class_path, *arguments]

    def command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self._properties))

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {"port": self.port, "controller": self.controller, "sasl": self.sasl_port}
        self._properties.write_text(PROPERTIES.format(**ports, data=self.folder / "data", user=USER, password=PASSWORD))
        scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        format_it = ["format", "--standalone", "-t", CLUSTER_ID, "-c", str(self._properties), "--add-scram", scram]
        subprocess.run(
            self._java("kafka.tools.StorageTool", *format_it), check=True, capture_output=True, text=True, timeout=120
        )
