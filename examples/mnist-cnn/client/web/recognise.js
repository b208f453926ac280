// The digit in a picture, by the model that the training left and TensorFlow.js: 28 by 28 pixels between 0 and 1, white on black.

const SIDE = 28;
const BOX = 20; // the digits of MNIST fill a box of this side in the middle

export const load = (url = "model/model.json") => tf.loadGraphModel(url);

/** Probabilities of the ten classes for a canvas of 28 by 28. */
export async function recognise(model, canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, SIDE, SIDE);
  const pixels = Float32Array.from({ length: SIDE * SIDE }, (_, index) => data[4 * index] / 255);
  const outputs = tf.tidy(() => model.predict(tf.tensor(pixels, [1, SIDE, SIDE, 1])));
  const [scores] = outputs instanceof tf.Tensor ? [outputs] : Object.values(outputs);
  const found = Array.from(await scores.data());
  scores.dispose();
  return found;
}

/** The picture as a canvas of 28 by 28. */
export function asItIs(picture) {
  const [canvas, context] = black(SIDE);
  context.drawImage(picture, 0, 0, SIDE, SIDE);
  return canvas;
}

/** What was drawn, cut out, scaled and put in the middle, as it was done with the digits of the training. */
export function centred(drawing) {
  const [canvas, context] = black(SIDE);
  const box = drawn(drawing);
  if (box !== null) {
    const scale = BOX / Math.max(box.width, box.height);
    const [width, height] = [box.width * scale, box.height * scale];
    context.drawImage(drawing, box.x, box.y, box.width, box.height, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  }
  return canvas;
}

function black(side) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "high";
  return [canvas, context];
}

function drawn(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const columns = [], rows = [];
  for (let index = 0; index < width * height; index++)
    if (data[4 * index] > 0) {
      columns.push(index % width);
      rows.push(Math.floor(index / width));
    }
  if (columns.length === 0) return null;
  const least = (values) => values.reduce((one, two) => Math.min(one, two));
  const most = (values) => values.reduce((one, two) => Math.max(one, two));
  const [x, y] = [least(columns), least(rows)];
  return { x, y, width: most(columns) - x + 1, height: most(rows) - y + 1 };
}
