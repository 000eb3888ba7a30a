# The gateway, and the test kit that simulates providers. Built in the checkout: it needs the sources and the lock.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
# The lock is whole: pip looks nothing up, so a release of today can't change or refuse the image.
RUN python -m venv /opt/tracegate && /opt/tracegate/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY tracegate tracegate
# The build backend is in the lock; nothing else is fetched.
RUN /opt/tracegate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
COPY --from=build /opt/tracegate /opt/tracegate
ENV PATH=/opt/tracegate/bin:$PATH
# The folder of the audit log: a volume that is mounted there takes its owner from here.
RUN useradd --uid 10001 --no-create-home tracegate && install -d -o 10001 -g 10001 -m 700 /var/lib/tracegate
USER 10001
EXPOSE 4000
ENTRYPOINT ["tracegate"]
CMD ["serve"]
