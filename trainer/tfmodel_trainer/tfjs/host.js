// What TensorFlow.js expects of a browser or Node.js, as far as an engine alone does not have it, and what engine.py calls.
"use strict";

globalThis.self = globalThis;
globalThis.global = globalThis;
globalThis.performance = { now: () => Date.now() };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

globalThis.atob = (text) => {
  let bytes = "", bits = 0, count = 0;
  for (const letter of text.replace(/=+$/, "")) {
    bits = (bits << 6) | ALPHABET.indexOf(letter);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += String.fromCharCode((bits >> count) & 255);
    }
  }
  return bytes;
};

globalThis.host = {
  buffers: {},
  buffer: (name, bytes) => (host.buffers[name] = new ArrayBuffer(bytes)),

  start: () => {
    tf.env().setPlatform("engine", {
      now: () => Date.now(),
      isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
      encode: (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (letter) => letter.charCodeAt(0)),
      decode: (bytes) => decodeURIComponent(escape(String.fromCharCode(...bytes))),
      setTimeoutCustom: (call, milliseconds) => setTimeout(call, milliseconds),
    });
    return tf.setBackend("cpu");
  },

  load: async (json) => {
    const model = JSON.parse(json);
    const weightSpecs = model.weightsManifest.flatMap((group) => group.weights);
    const artifacts = { ...model, weightSpecs, weightData: host.buffers.weights };
    host.model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
    const inputs = Object.entries(model.signature.inputs).filter(([, one]) => one.resourceId === undefined);
    return JSON.stringify(inputs.map(([name]) => name));
  },

  // inputs: {name: {shape, dtype, texts}}; numbers are in the buffers of these names, texts are lists of bytes. Outputs come likewise.
  predict: async (json) => {
    const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
    const inputs = {};
    for (const [name, { shape, dtype, texts }] of Object.entries(JSON.parse(json))) {
      const values = dtype === "string" ? texts.map((one) => Uint8Array.from(one)) : new arrays[dtype](host.buffers[name]);
      inputs[name] = tf.tensor(values, shape, dtype);
    }
    const found = await host.model.predictAsync(inputs);
    const outputs = {};
    for (const [name, tensor] of Object.entries(found)) {
      const texts = tensor.dtype === "string" ? (await tensor.bytes()).map((one) => Array.from(one)) : null;
      if (texts === null) host.buffers[name] = (await tensor.data()).slice().buffer;
      outputs[name] = { shape: tensor.shape, dtype: tensor.dtype, texts };
    }
    return JSON.stringify(outputs);
  },
};
