# An image of the executable on a base that has glibc, libstdc++ and CA certificates. Build the executables first: npm run package
#   docker build --tag k3s-mirror .
#   docker build --tag k3s-mirror --build-arg BASE=registry.example.com/hardened/cc:1 .
ARG BUILDER=docker.io/library/debian:bookworm-slim
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS program
ARG TARGETARCH
COPY build/SHA256SUMS build/k3s-mirror-linux-${TARGETARCH:-amd64} /build/
RUN cd /build \
  && grep "  k3s-mirror-linux-${TARGETARCH:-amd64}$" SHA256SUMS >wanted \
  && sha256sum -c wanted \
  && mkdir -p /image/usr/local/bin /data \
  && cp "k3s-mirror-linux-${TARGETARCH:-amd64}" /image/usr/local/bin/k3s-mirror \
  && chmod 755 /image/usr/local/bin/k3s-mirror

FROM ${BASE}
COPY --from=program /image/ /
COPY --from=program --chown=65532:65532 /data /data
ENV HOME=/home/nonroot
USER 65532:65532
WORKDIR /data
EXPOSE 5000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/k3s-mirror"]
