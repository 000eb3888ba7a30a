# The Tracegate Collector, from the sources and sums that are committed. Its context is collector/otelcol.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags="-s -w" -o /otelcol-tracegate .

FROM alpine:3.22
COPY --from=build /otelcol-tracegate /usr/local/bin/otelcol-tracegate
USER 10001
EXPOSE 4317 4318 8888 13133
ENTRYPOINT ["otelcol-tracegate"]
