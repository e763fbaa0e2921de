# The only image that is pulled. make image-test replaces it.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS base
RUN mkdir /state

# Scratch, because a static binary needs only certificates beside it: nothing to
# patch, no shell to break into, no second registry to pull from.
FROM scratch AS image
ARG VERSION=unknown
ARG REVISION=unknown
ARG BUILD_DATE=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="geelark_exporter" \
      org.opencontainers.image.description="Prometheus exporter for GeeLark cloud phones" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$BUILD_DATE"
COPY --from=base /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# For a volume with the state: Docker gives a new one the owner of the directory.
COPY --from=base --chown=65534:65534 /state /var/lib/geelark_exporter
# nobody, by number: Kubernetes' runAsNonRoot cannot judge a name.
USER 65534:65534
EXPOSE 9824
# No HEALTHCHECK: there is no shell or curl to run one. Let the orchestrator
# probe /-/healthy and /-/ready.
ENTRYPOINT ["/bin/geelark_exporter"]

# A release takes the binaries that are in its archives: --target=prebuilt.
FROM image AS prebuilt
ARG TARGETPLATFORM
COPY LICENSE /
COPY licenses /licenses
COPY $TARGETPLATFORM/geelark_exporter /bin/

FROM base AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# make build takes these from its environment; the source comes without .git.
ARG VERSION
ARG REVISION=unknown
ARG BRANCH=unknown
ARG BUILD_DATE
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH make build licenses

FROM image
COPY --from=source /src/LICENSE /
COPY --from=source /src/licenses /licenses
COPY --from=source /src/geelark_exporter /bin/
