# The service as one image: the packages of requirements.txt, the code, the static files, nothing else.
# `make image` builds it and looks inside; `make rehearse` runs it the way production does.
# A release names the base by its digest (`build` of deploy/aws/guide.sh): what a tag names changes.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# The environment has no pip of its own, so the image cannot install anything into it.
RUN python -m venv --without-pip /venv
COPY requirements.txt .
# Wheels alone: no package's build script runs, and no compiler is missed. What translators edit (.po)
# is never read.
RUN python -m pip --python /venv/bin/python install --require-hashes --only-binary :all: -r requirements.txt \
    && find /venv -name '*.po' -delete
COPY manage.py gunicorn.conf.py deploy/healthcheck.py ./
COPY accounts accounts
COPY api api
COPY budget budget
COPY financial_alerts financial_alerts
COPY lib lib
COPY support support
COPY web web
COPY deploy/database/roles.sql deploy/database/
# The settings want a key; this one is made here, signs nothing and ends with the command. Redoc comes
# along with Swagger UI and is shown nowhere.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_hex(32))')" \
    ALLOWED_HOSTS=localhost DOTENV_PATH='' \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0 --ignore redoc \
    && /venv/bin/python -m compileall -q .

FROM ${PYTHON_IMAGE}
# What it was built on, which `push` of deploy/aws/guide.sh asks for.
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# No home and no shell. The number is said, because Kubernetes' runAsNonRoot cannot read names.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin app
# Whom a database on RDS is believed from: sslmode=verify-full&sslrootcert=/etc/ssl/rds/global-bundle.pem
COPY deploy/aws/rds-ca/global-bundle.pem /etc/ssl/rds/global-bundle.pem
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# The files belong to root and the code is compiled: the file system may be mounted read-only.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DOTENV_PATH= \
    LISTEN_ADDRESS=0.0.0.0 PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "/app/healthcheck.py"]
CMD ["gunicorn", "--config", "/app/gunicorn.conf.py", "financial_alerts.wsgi"]
