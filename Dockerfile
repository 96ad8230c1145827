# emotone serve in a container; see docs/serve.md.
#
#   docker build --tag emotone .
#   docker run --rm --read-only --tmpfs /tmp --publish 127.0.0.1:8484:8484 emotone
FROM python:3.12-slim

COPY . /source
RUN pip install --no-cache-dir --constraint /source/constraints.txt "/source[serve]" \
    && rm -r /source \
    && useradd --system emotone

USER emotone
EXPOSE 8484
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8484/healthz', timeout=3)"]
ENTRYPOINT ["emotone", "serve", "--host", "0.0.0.0"]
