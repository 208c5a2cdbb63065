"""Rules for the templates that no linter has: each gives a line for each fault."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from django.core.exceptions import ImproperlyConfigured

from lib.env import FILE_VARIABLES, VARIABLES, read
from lib.outside import LOOKUP, TOTAL
from proof.aws.stacks import NAMES, TEMPLATES, Node, Stacks
from proof.guide.runner import guides
from tools.programs import ROOT

HERE = Path(__file__).parent

# docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html: units of 1024 a
# core, and MiB.
FARGATE = {
    256: [512, 1024, 2048],
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
# What AWS recommends, read in November 2026: TLS 1.3, or 1.2 with forward secrecy, and where the
# client can a key exchange that a quantum computer does not break.
# docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
BALANCER_TLS = {
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
}
# Subjects of GitHub's tokens: of a repository from before 15 July 2026 and of two since then, with
# a branch or an environment.
RELEASES = (
    "repo:octocat/my-repo:ref:refs/heads/main",
    "repo:octocat@583231/my-repo@1296269:ref:refs/heads/release/1.x",
    "repo:octo-org@9919/my.repo_2@45:environment:production",
)
# More than one branch of one repository, or a form that GitHub never sends.
TOO_MANY = (
    "repo:octocat/my-repo:*",
    "repo:octocat/*:ref:refs/heads/main",
    "repo:octocat@583231/my-repo@1296269:ref:refs/heads/*",
    "repo:octocat@*/my-repo@*:ref:refs/heads/main",
    "repo:octocat@583231/my-repo:ref:refs/heads/main",
    "repo:octocat/my-repo:pull_request",
    "repo:octocat/my-repo",
)
GITHUB = "token.actions.githubusercontent.com"
# What the container hears beside the settings: gunicorn.conf.py and libpq.
OTHER_VARIABLES = {"PORT", "WEB_CONCURRENCY", "GUNICORN_THREADS", "PGUSER", "PGPASSWORD"}
# Of these only the service that answers requests needs any.
OF_THE_SERVER = {"PORT", "WEB_CONCURRENCY"}
# What other tasks do not get: who delivers answers no requests and caches nothing.
OF_REQUESTS = {
    "CORS_ALLOWED_ORIGINS",
    "CSRF_TRUSTED_ORIGINS",
    "PASSKEY_DOMAIN",
    "REDIS_URL",
    "REPLICA_DATABASE_URL",
    "SLOW_REQUEST_MS",
    "THROTTLE_ADDRESS",
    "THROTTLE_UNAUTHENTICATED",
    "THROTTLE_USER",
    "TRUSTED_PROXY_COUNT",
    "TRUST_X_FORWARDED_PROTO",
}
LEFT_OUT = {"jobs": set[str](), "console": set[str](), "deliver": OF_REQUESTS}
# Bytes of a template that CloudFormation takes without a bucket.
TEMPLATE_BYTES = 51_200
# Of a process that delivers: the one that reads and writes rows, and the one that listens.
DELIVERER_CONNECTIONS = 2
# Seconds for what it has in hand: two tries of a thread, as LEASE of budget/delivering/worker.py.
IN_HAND = 2 * (TOTAL + LOOKUP)

# Everything that can be switched on.
EVERYTHING = {
    "Cache": "true",
    "CacheNodes": "2",
    "CloudFrontDomain": "d111.cloudfront.net",
    "Endpoints": "true",
    "Firewall": "true",
    "LogLevel": "WARNING",
    "MailSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mail-AbCdEf",
    "PushSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:push-AbCdEf",
    "PushContact": "mailto:ops@example.com",
    "MailSender": "Alerts <alerts@example.com>",
    "NatPerZone": "true",
    "OriginHeader": "0123456789abcdef0123456789abcdef",
    "PasskeyDomain": "example.com",
    "Replica": "true",
    "SentrySecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sentry-AbCdEf",
    "SlowQueryMs": "100",
    "SlowRequestMs": "500",
    "ThrottleAddress": "off",
    "ThrottleUnauthenticated": "30/min",
    "ThrottleUser": "1000/h",
    "WebOrigins": "https://app.example.com",
}

Faults = Iterator[str]
Rule = Callable[[Stacks], Faults]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Add a function to RULES; its docstring's first line is what it makes sure of."""
    RULES.append(function)
    return function


def variants() -> Iterator[Stacks]:
    """Give the templates with every size, and with everything that can be switched, off and on."""
    for size in ("small", "medium", "large"):
        yield Stacks({"Size": size})
        yield Stacks({"Size": size} | EVERYTHING)


def faults(stacks: Stacks, only: str = "") -> Faults:
    """Give every fault, with the name of the rule that found it; of one rule or of all."""
    for check in RULES:
        if only not in ("", check.__name__):
            continue
        try:
            yield from (f"{check.__name__}: {fault}" for fault in check(stacks))
        except KeyError as error:
            yield f"{check.__name__}: there is no {error}"


def gunicorn() -> dict[str, Any]:
    """Give what gunicorn.conf.py sets where the environment says nothing."""
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


def containers(stacks: Stacks) -> Iterator[tuple[str, Node, Node]]:
    """Give family, task definition and its one container, of each task definition."""
    for _, task in stacks.properties("AWS::ECS::TaskDefinition"):
        (container,) = task["ContainerDefinitions"]
        yield task["Family"].removeprefix("financial-alerts-"), task, container


def variables(container: Node) -> dict[str, str]:
    """Give a container's plain variables."""
    return {entry["Name"]: entry["Value"] for entry in container.get("Environment", [])}


def attributes(properties: Node, key: str) -> dict[str, str]:
    """Give a list of Key and Value as a dict."""
    return {entry["Key"]: entry["Value"] for entry in properties[key]}


@rule
def fargate_sells_each_size(stacks: Stacks) -> Faults:
    """Processor and memory of each task are a pair that Fargate has."""
    for family, task, _ in containers(stacks):
        if int(task["Memory"]) not in FARGATE.get(int(task["Cpu"]), ()):
            yield f"{family} asks for {task['Cpu']} and {task['Memory']}"


@rule
def one_port(stacks: Stacks) -> Faults:
    """Image, gunicorn, container, service, target group and security groups name one port."""
    exposed = re.search(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    said: dict[str, object] = {"Dockerfile": exposed and int(exposed[1])}
    for name, group in stacks.properties("AWS::ElasticLoadBalancingV2::TargetGroup"):
        said[name] = group["Port"]
    for name, service in stacks.properties("AWS::ECS::Service"):
        for balancer in service.get("LoadBalancers", []):
            said[name] = balancer["ContainerPort"]
    for family, _, container in containers(stacks):
        for mapping in container.get("PortMappings", []):
            said[family] = mapping["ContainerPort"]
            said["PORT"] = int(variables(container)["PORT"])
    groups = dict(stacks.properties("AWS::EC2::SecurityGroup"))
    said["to the tasks"] = groups["network.TaskSecurityGroup"]["SecurityGroupIngress"][0]["ToPort"]
    said["from the balancer"] = groups["network.BalancerSecurityGroup"]["SecurityGroupEgress"][0][
        "ToPort"
    ]
    if len(set(said.values())) != 1:
        yield f"not one port: {said}"


@rule
def data_ports(stacks: Stacks) -> Faults:
    """PostgreSQL and Redis listen where the tasks may go and the addresses say."""
    groups = dict(stacks.properties("AWS::EC2::SecurityGroup"))
    out = {entry["ToPort"] for entry in groups["network.TaskSecurityGroup"]["SecurityGroupEgress"]}
    for name, group in (("Database", "DatabaseSecurityGroup"), ("Cache", "CacheSecurityGroup")):
        opened = groups[f"network.{group}"]["SecurityGroupIngress"][0]["ToPort"]
        listening = stacks.templates["data"]["Resources"][name]["Properties"]["Port"]
        if opened != int(listening) or opened not in out:
            yield f"{name} listens on {listening}, {opened} is let in, {sorted(out)} out"
    for family, _, container in containers(stacks):
        if ":5432/" not in variables(container)["DATABASE_URL"]:
            yield f"{family} asks for the database at another port"


@rule
def only_the_balancer_is_open(stacks: Stacks) -> Faults:
    """Nothing but the load balancer's 80 and 443 takes connections from everywhere."""
    for name, group in stacks.properties("AWS::EC2::SecurityGroup"):
        for entry in group.get("SecurityGroupIngress", []):
            if entry.get("CidrIp") and (name, entry["ToPort"]) not in {
                ("network.BalancerSecurityGroup", 80),
                ("network.BalancerSecurityGroup", 443),
            }:
                yield f"{name} takes {entry['CidrIp']} at {entry['ToPort']}"


@rule
def names_match(stacks: Stacks) -> Faults:
    """Service, schedules and events name existing containers, families and clusters."""
    known = {family: container["Name"] for family, _, container in containers(stacks)}
    services = {
        f"service:{made['ServiceName']}" for _, made in stacks.properties("AWS::ECS::Service")
    }
    for name, service in stacks.properties("AWS::ECS::Service"):
        task = service["TaskDefinition"]
        properties = stacks.templates["app"]["Resources"][task]["Properties"]
        (container,) = properties["ContainerDefinitions"]
        for balancer in service.get("LoadBalancers", []):
            if balancer["ContainerName"] != container["Name"]:
                yield f"{name} sends requests to a container that {task} does not have"
    for name, schedule in stacks.properties("AWS::Scheduler::Schedule"):
        family = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].rpartition(
            "/financial-alerts-"
        )[2]
        for override in json.loads(schedule["Target"]["Input"])["containerOverrides"]:
            if known.get(family) != override["name"]:
                yield f"{name} starts {override['name']} of {family}, which there is not"
    for name, events in stacks.properties("AWS::Events::Rule"):
        for group in events["EventPattern"]["detail"].get("group", []):
            if group.removeprefix("family:financial-alerts-") not in {*known, *services}:
                yield f"{name} watches {group}, which there is not"


@rule
def health_paths(stacks: Stacks) -> Faults:
    """A health check gives up before the next one begins; the container's is the image's.

    Of a task that delivers it looks at the file that the command touches.
    """
    for name, group in stacks.properties("AWS::ElasticLoadBalancingV2::TargetGroup"):
        if group["HealthCheckTimeoutSeconds"] >= group["HealthCheckIntervalSeconds"]:
            yield f"{name} asks again before it gives up"
    for family, _, container in containers(stacks):
        if check := container.get("HealthCheck"):
            words = container.get("Command", [])
            touched = words[words.index("--heartbeat") + 1 :][:1] if "deliver" in words else []
            if check["Command"] != ["CMD", "python", "/app/healthcheck.py", *touched]:
                yield f"{family} runs {check['Command']}"
            if check["Timeout"] >= check["Interval"]:
                yield f"{family} is asked again before the first question is given up"


@rule
def an_end_loses_nothing(stacks: Stacks) -> Faults:
    """Every wait is longer than the one inside it, so no request and no connection is cut."""
    server = gunicorn()
    (balancer,) = (p for _, p in stacks.properties("AWS::ElasticLoadBalancingV2::LoadBalancer"))
    (group,) = (p for _, p in stacks.properties("AWS::ElasticLoadBalancingV2::TargetGroup"))
    (distribution,) = (p for _, p in stacks.properties("AWS::CloudFront::Distribution"))
    idle = int(attributes(balancer, "LoadBalancerAttributes")["idle_timeout.timeout_seconds"])
    delay = int(attributes(group, "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
    origin = distribution["DistributionConfig"]["Origins"][0]["CustomOriginConfig"]
    waits = [
        ("the balancer's idle timeout", idle, "gunicorn's keepalive", server["keepalive"]),
        (
            "CloudFront's keepalive",
            origin["OriginKeepaliveTimeout"],
            "the balancer's idle timeout",
            idle,
        ),
    ]
    for family, _, container in containers(stacks):
        if "PortMappings" in container:
            stop = container["StopTimeout"]
            waits += [
                (
                    "gunicorn's graceful_timeout",
                    server["graceful_timeout"],
                    f"{family}'s StopTimeout",
                    stop,
                ),
                ("the deregistration delay", delay, f"{family}'s StopTimeout", stop),
                (f"{family}'s StopTimeout", stop, "what Fargate allows, and one more", 121),
            ]
        if "deliver" in container.get("Command", []):
            stop = container["StopTimeout"]
            waits += [
                ("what a deliverer has in hand", IN_HAND, f"{family}'s StopTimeout", stop),
                (f"{family}'s StopTimeout", stop, "what Fargate allows, and one more", 121),
            ]
    for less, inner, more, outer in waits:
        if inner >= outer:
            yield f"{less} ({inner} s) is not less than {more} ({outer} s)"


@rule
def properties_are_right(stacks: Stacks) -> Faults:
    """Properties are as properties.yaml has them."""
    for about, wanted in yaml.safe_load((HERE / "properties.yaml").read_text()).items():
        kind = about if about.startswith("AWS::") else ""
        for name, properties in stacks.properties(kind):
            if about in (kind, name):
                yield from (f"{name}{fault}" for fault in differing(wanted, properties))


def differing(wanted: Node, actual: Node, path: str = "") -> Faults:
    """Give each property that is another than is wanted."""
    if isinstance(wanted, dict):
        for item in actual if isinstance(actual, list) else [actual or {}]:
            for key, inner in wanted.items():
                yield from differing(inner, item.get(key), f"{path}.{key}")
    elif actual not in (wanted if isinstance(wanted, list) else [wanted]):
        yield f"{path} is {actual}"


@rule
def tls_everywhere(stacks: Stacks) -> Faults:
    """The balancer speaks TLS as it is today or redirects; tasks verify who the database is."""
    for name, listener in stacks.properties("AWS::ElasticLoadBalancingV2::Listener"):
        if listener["Protocol"] == "HTTPS":
            if listener["SslPolicy"] not in BALANCER_TLS:
                yield f"{name} speaks by {listener['SslPolicy']}"
        elif listener["DefaultActions"][0].get("RedirectConfig", {}).get("Protocol") != "HTTPS":
            yield f"{name} answers plain HTTP"
    bundle = re.search(
        r"^COPY \S*global-bundle.pem (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    ending = f"?sslmode=verify-full&sslrootcert={bundle and bundle[1]}"
    for family, _, container in containers(stacks):
        for variable, value in variables(container).items():
            if variable.endswith("DATABASE_URL") and not value.endswith(ending):
                yield f"{family}'s {variable} does not end with {ending}"


@rule
def postgres_is_as_tested(stacks: Stacks) -> Faults:
    """A new database has the newest version that the tests run on; an old one can go there."""
    package = json.loads((ROOT / "tools/newest_postgres/package.json").read_text())
    (tested,) = package["dependencies"].values()
    newest = tested.partition(".")[0]
    version = stacks.templates["data"]["Parameters"]["PostgresVersion"]
    if version["Default"] != newest:
        yield f"a new database has PostgreSQL {version['Default']}, the tests run on {newest}"
    if newest not in version["AllowedValues"]:
        yield f"PostgreSQL {newest} cannot be chosen"
    for choice in version["AllowedValues"]:
        chosen = Stacks(stacks.given | {"PostgresVersion": choice}, stacks.texts)
        for name, group in chosen.properties("AWS::RDS::DBParameterGroup"):
            if group["Family"] != f"postgres{choice}":
                yield f"{name} is of {group['Family']} with PostgreSQL {choice}"


@rule
def one_branch_releases(stacks: Stacks) -> Faults:
    """A CI comes in by GitHub's token for one branch of one repository, whatever its form."""
    pattern = stacks.templates["ci"]["Parameters"]["Subject"]["AllowedPattern"]
    for subject in RELEASES:
        if not re.fullmatch(pattern, subject):
            yield f"{subject} cannot be said"
    for subject in TOO_MANY:
        if re.fullmatch(pattern, subject):
            yield f"{subject} can be said"
    wanted = {"aud": "sts.amazonaws.com", "sub": stacks.answers["Subject"]}
    for name, role in stacks.properties("AWS::IAM::Role"):
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        if "Federated" in trust["Principal"] and trust["Condition"] != {
            "StringEquals": {f"{GITHUB}:{claim}": value for claim, value in wanted.items()}
        }:
            yield f"{name} trusts {trust['Condition']}"


@rule
def the_service_can_read_its_settings(stacks: Stacks) -> Faults:
    """Every variable is one that is read, none is missing, and the settings take them."""
    known = {*VARIABLES, *FILE_VARIABLES, *OTHER_VARIABLES}
    for family, _, container in containers(stacks):
        plain = variables(container)
        secret = {entry["Name"]: "" for entry in container["Secrets"]}
        for name in {*plain, *secret} - known:
            yield f"{family} gets {name}, which nothing reads"
        given = {
            "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr",
            "REDIS_URL": "rediss://:token@redis.example.com:6379/0",
            "EMAIL_URL": "submission://user:password@smtp.example.com",
            "VAPID_PRIVATE_KEY": "0123456789abcdefghijklmnopqrstuvwxyz0123456",
            "SENTRY_DSN": "https://0123456789abcdef@sentry.example.com/1",
            "DATABASE_APP_USER": "financial_alerts_app",
            "DATABASE_APP_PASSWORD": "0123456789abcdefghijklmnopqrstuvwxyz0123",
            "DATABASE_OWNER_PASSWORD": "0123456789abcdefghijklmnopqrstuvwxyz0123",
        }
        try:
            read(plain | {name: given.get(name, "") for name in secret})
        except ImproperlyConfigured as error:
            yield f"{family}: {error}"


@rule
def commands_see_what_the_service_sees(stacks: Stacks) -> Faults:
    """The other tasks have the service's settings, so that a check run there speaks of it."""
    seen = {family: settings(container) for family, _, container in containers(stacks)}
    for family, left_out in LEFT_OUT.items():
        differing = seen["web"].items() ^ seen[family].items()
        for name in sorted({name for name, _ in differing} - OF_THE_SERVER - left_out):
            yield f"{family} and web differ in {name}"


def settings(container: Node) -> dict[str, str]:
    """Give a container's variables, secret ones by where their value is."""
    secret = {entry["Name"]: entry["ValueFrom"] for entry in container["Secrets"]}
    return variables(container) | secret


@rule
def connections_suffice(stacks: Stacks) -> Faults:
    """All tasks there may be hold fewer database connections than the alarm allows."""
    size = stacks.answers.get("Size", "small")
    for family, _, container in containers(stacks):
        if "PortMappings" in container:
            processes = int(variables(container)["WEB_CONCURRENCY"])
            most = stacks.templates["app"]["Parameters"]["MaxTasks"]["Default"]
            deliverers = stacks.templates["app"]["Parameters"]["Deliverers"]["Default"]
            # In a release there are twice as many deliverers for a moment.
            delivering = 2 * deliverers * DELIVERER_CONNECTIONS
            held = most * processes * gunicorn()["threads"] + delivering
            allowed = stacks.templates["data"]["Mappings"]["Sizes"][size]["Connections"]
            if held >= allowed:
                yield f"{most} tasks of {family} hold {held} connections, {allowed} are allowed"


@rule
def descriptions_are_fixed(stacks: Stacks) -> Faults:
    """No security group's description is computed: another one would replace the group."""
    for stack in NAMES:
        for name, resource in stacks.templates[stack]["Resources"].items():
            if resource["Type"] == "AWS::EC2::SecurityGroup" and not isinstance(
                resource["Properties"]["GroupDescription"], str
            ):
                yield f"{name}'s description is computed"


@rule
def metrics_are_as_documented(stacks: Stacks) -> Faults:
    """Each filter's pattern stands in docs/operations.md, and each alarm on one has its metric."""
    documented = (ROOT / "docs" / "operations.md").read_text().replace("\\|", "|")
    metrics = set()
    for name, metric in stacks.properties("AWS::Logs::MetricFilter"):
        metrics.add(metric["MetricTransformations"][0]["MetricName"])
        if f"`{metric['FilterPattern']}`" not in documented:
            yield f"{name}'s pattern is not in docs/operations.md"
    for name, alarm in stacks.properties("AWS::CloudWatch::Alarm"):
        if not alarm["Namespace"].startswith("AWS/") and alarm["MetricName"] not in metrics:
            yield f"{name} watches {alarm['MetricName']}, which no filter makes"


@rule
def templates_fit(stacks: Stacks) -> Faults:
    """Each template can be sent as `deploy` of guide.sh sends it: without its lines of comment."""
    for name in NAMES:
        text = stacks.texts.get(name) or (TEMPLATES / f"{name}.yaml").read_text()
        lines = [line for line in text.splitlines(True) if not line.lstrip(" ").startswith("#")]
        if (size := len("".join(lines).encode())) > TEMPLATE_BYTES:
            yield f"{name} has {size} bytes"


@rule
def alarms_are_answered(stacks: Stacks) -> Faults:
    """Each alarm tells somebody, looks at a day at most, and the guide says what to do."""
    guide = "".join(guides().values())
    for name, alarm in stacks.properties("AWS::CloudWatch::Alarm"):
        if not alarm.get("AlarmActions"):
            yield f"{name} tells nobody"
        if alarm["Period"] * alarm["EvaluationPeriods"] > 86400:
            yield f"{name} looks at more than a day, which CloudWatch refuses"
        if f"`{alarm['AlarmName'].removeprefix('financial-alerts-')}`" not in guide:
            yield f"{name}: the guide does not say what to do"


@rule
def what_must_not_be_lost(stacks: Stacks) -> Faults:
    """The database leaves a snapshot; secrets and images stay."""
    database = stacks.templates["data"]["Resources"]["Database"]
    if database["DeletionPolicy"] != "Snapshot" or database["UpdateReplacePolicy"] != "Snapshot":
        yield "the database leaves no snapshot"
    # Those that AWS makes again: of Redis, which may be lost, and of the administrator.
    kept = {name for _, name, _ in stacks.resources("AWS::SecretsManager::Secret")}
    kept -= {"CacheToken", "CacheUrl", "MasterSecret"}
    for _, name, resource in stacks.resources():
        # "Except on create": a first creation that failed would be in the way of the second.
        if name in kept | {"Repository"} and (
            resource.get("DeletionPolicy") != "RetainExceptOnCreate"
            or resource.get("UpdateReplacePolicy") != "Retain"
        ):
            yield f"{name} goes with its stack"
