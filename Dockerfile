# The product alone: web server, worker and commands. The sandbox and the embedded database stay out.
#   docker build -t tollkeeper .      web: the default command      worker: python -m app.worker
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.lock

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home tollkeeper
WORKDIR /srv/tollkeeper
COPY --from=packages /venv /venv
COPY LICENSE wsgi.py ./
COPY migrations migrations
COPY catalogs catalogs
COPY static static
COPY templates templates
COPY app app
# Nobody can write there later, and the worker starts processes to close periods: none compiles the app again.
RUN /venv/bin/python -m compileall -q app wsgi.py
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TOLLKEEPER_ENV=production \
    FLASK_APP=wsgi \
    GRANIAN_INTERFACE=wsgi \
    GRANIAN_HOST=0.0.0.0 \
    GRANIAN_PORT=8000 \
    GRANIAN_WORKERS=2 \
    GRANIAN_BLOCKING_THREADS=4 \
    GRANIAN_RESPAWN_FAILED_WORKERS=true
USER 10001
EXPOSE 8000
CMD ["granian", "wsgi:app"]
