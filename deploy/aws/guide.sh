# What docs/aws-deployment.md needs in each shell: `source deploy/aws/guide.sh`, in bash, from the folder of
# the project. Your own values are in .guide, or in the environment where there is no such file.
# shellcheck shell=bash

[ -n "${BASH_VERSION:-}" ] || { echo 'guide.sh is for bash: type bash first' >&2; return 1; }
[ -f deploy/aws/app.yaml ] || { echo 'guide.sh: go to the folder of the project first' >&2; return 1; }
# shellcheck source=/dev/null
[ ! -f .guide ] || . ./.guide
for NEEDED in AWS_REGION NAME ZONE DOMAIN OPS; do
  [ -n "${!NEEDED:-}" ] || { echo "guide.sh: $NEEDED is not set; write it into .guide" >&2; return 1; }
done
unset NEEDED
export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION AWS_PAGER=
ACCOUNT=$(aws sts get-caller-identity --query Account --output text) || return
# shellcheck disable=SC2153 # NAME is one of those above
REPOSITORY=$ACCOUNT.dkr.ecr.$AWS_REGION.amazonaws.com/$NAME
echo "$REPOSITORY"

# ---- Stacks
region() { [ "$1" = cdn ] && echo us-east-1 || echo "$AWS_REGION"; }

# deploy STACK [PARAMETER=VALUE...]: makes a stack or changes it. A parameter that is not named stays as it was.
# CloudFormation takes 51,200 bytes, and comments are for people: they stay here.
deploy() {
  local template code=0
  template=$(mktemp) || return
  grep -v '^ *#' "deploy/aws/$1.yaml" >"$template"
  aws cloudformation deploy --region "$(region "$1")" --stack-name "$NAME-$1" --template-file "$template" \
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides Name="$NAME" "${@:2}" || code=$?
  rm -f "$template"
  return "$code"
}

# output STACK NAME, parameter STACK NAME: what a stack says, and what it was given.
output() {
  aws cloudformation describe-stacks --region "$(region "$1")" --stack-name "$NAME-$1" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue"
}
parameter() {
  aws cloudformation describe-stacks --region "$(region "$1")" --stack-name "$NAME-$1" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='$2'].ParameterValue"
}

# ---- Images
# pinned IMAGE: whether it is named by its digest. A tag can name another image tomorrow.
pinned() { [[ $1 =~ @sha256:[0-9a-f]{64}$ ]]; }

# base: the Dockerfile's base image, by the digest that its tag has now.
base() {
  local name digest
  name=$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile) || return
  digest=$(docker buildx imagetools inspect "$name" --format '{{.Manifest.Digest}}') || return
  echo "$name@$digest"
}

# build IMAGE: builds it on that base, or on $BASE, and says which. Fails where the base has no digest.
build() {
  local on
  on=${BASE:-$(base)} || return
  pinned "$on" || { echo "the base image has no digest: $on" >&2; return 1; }
  echo "on $on"
  # Without the variable Docker adds a description to the image that ECR's scan cannot read.
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform linux/amd64 --build-arg PYTHON_IMAGE="$on" -t "$1" .
}

# push IMAGE: pushes it, if `build` built it.
push() {
  local on
  on=$(docker image inspect "$1" --format '{{index .Config.Labels "org.opencontainers.image.base.name"}}') || return
  pinned "$on" || { echo "$1 was built on '$on', which is no digest: use build" >&2; return 1; }
  aws ecr get-login-password | docker login --username AWS --password-stdin "${REPOSITORY%/*}" && docker push "$1"
}

# ---- Tasks
# run FAMILY [COMMAND...]: runs a task of manage.py once, shows its log and its exit code. Fails unless that is 0.
run() {
  local words=()
  [ $# = 1 ] || words=(--overrides "$(python3 -c 'import json, sys
print(json.dumps({"containerOverrides": [{"name": sys.argv[1], "command": ["python", "manage.py", *sys.argv[2:]]}]}))' "$@")")
  TASK=$(aws ecs run-task --cluster "$NAME" --task-definition "$NAME-$1" --launch-type FARGATE ${words[@]+"${words[@]}"} \
    --network-configuration "$(output app TaskNetwork)" --query '[tasks[0].taskArn,failures[0].reason]' --output text) || return
  case $TASK in None*) echo "it does not start: $TASK"; return 1;; esac
  TASK=${TASK%%[[:space:]]*}
  until [ "$(aws ecs describe-tasks --cluster "$NAME" --tasks "$TASK" --query 'tasks[0].lastStatus' --output text)" = STOPPED ]; do sleep 5; done
  aws logs filter-log-events --log-group-name "/$NAME/$1" --log-stream-name-prefix "$1/$1/${TASK##*/}" --query 'events[].[message]' --output text
  STATUS=$(aws ecs describe-tasks --cluster "$NAME" --tasks "$TASK" --query 'tasks[0].[containers[0].exitCode,stoppedReason]' --output text)
  echo "exit code $STATUS"
  [ "${STATUS%%[^0-9]*}" = 0 ]
}

# restart: gives the service and the deliverers new tasks, and waits for them.
restart() {
  aws ecs update-service --cluster "$NAME" --service web --force-new-deployment --query service.status --output text &&
    aws ecs update-service --cluster "$NAME" --service deliver --force-new-deployment --query service.status --output text &&
    aws ecs wait services-stable --cluster "$NAME" --services web deliver
}

# lines LOG PATTERN [SECONDS]: the log's lines of the last hour, or of so many seconds, that a pattern finds.
lines() {
  aws logs filter-log-events --log-group-name "/$NAME/$1" --start-time "$(($(date +%s) - ${3:-3600}))000" --filter-pattern "$2" \
    --query 'events[].[message]' --output text
}

# ---- What is there
# secret NAME [FIELD]: a secret's value, or its ARN.
secret() { aws secretsmanager get-secret-value --secret-id "$NAME/$1" --query "${2:-SecretString}" --output text; }

# database INSTANCE FIELD: what RDS says of a database.
database() { aws rds describe-db-instances --db-instance-identifier "$1" --query "DBInstances[0].$2" --output text; }

# available INSTANCE: waits for a database that is being made or changed.
available() { until [ "$(database "$1" DBInstanceStatus 2>/dev/null)" = available ]; do printf .; sleep 15; done; }

# zone: the identity of the zone $ZONE.
zone() { aws route53 list-hosted-zones-by-name --dns-name "$ZONE" --query "HostedZones[?Name=='$ZONE.'] | [0].Id" --output text | cut -d/ -f3; }

# ---- Others
# smtp_url USER KEY: EMAIL_URL for SES, whose password is made of an access key.
smtp_url() {
  python3 -c '
import base64, hmac, sys
user, key, region = sys.argv[1:]
word = ("AWS4" + key).encode()
for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
    word = hmac.digest(word, part.encode(), "sha256")
password = base64.b64encode(b"\x04" + word).decode()
for plain, quoted in (("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
    password = password.replace(plain, quoted)
print(f"submission://{user}:{password}@email-smtp.{region}.amazonaws.com:587")' "$1" "$2" "$AWS_REGION"
}

# subject OWNER/REPOSITORY: what GitHub's token says of its main branch, for one created since 15 July 2026. A
# private one needs GITHUB_TOKEN.
subject() {
  curl -fsS ${GITHUB_TOKEN:+-H "Authorization: Bearer $GITHUB_TOKEN"} "https://api.github.com/repos/$1" | python3 -c '
import json, sys
found = json.load(sys.stdin)
owner = found["owner"]
print("repo:{login}@{id}".format(**owner) + "/{name}@{id}:ref:refs/heads/{default_branch}".format(**found))'
}
