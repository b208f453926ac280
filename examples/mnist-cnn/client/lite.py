"""mnist_cnn.h5 as mnist_cnn.tflite, run as an Android app runs it: python lite.py mnist_cnn.h5 mnist_cnn.tflite DIGIT.png.

The picture's pixels are put one by one as floats into a direct buffer, the interpreter fills a float[1][10], the labels are sorted by
their probability and the top one is printed. Needs tensorflow, ai-edge-litert and pillow.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

DIM_BATCH_SIZE, DIM_IMG_WIDTH, DIM_IMG_HEIGHT, DIM_PIXEL_SIZE = 1, 28, 28, 1
LABELS = [str(digit) for digit in range(10)]


def convert(h5, tflite):
    """Converts the file that Keras saved."""
    model = keras.models.load_model(h5)
    tflite.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def convert_bitmap_to_byte_buffer(bitmap, img_data):
    """Writes the pixels, scaled as in the training, in rows."""
    img_data[:] = np.asarray(bitmap, np.float32).reshape(-1) / 255


def recognise(tflite, bitmap):
    """The probabilities of the ten labels, float[1][10]."""
    interpreter = Interpreter(model_path=str(tflite))
    interpreter.allocate_tensors()
    (image,), (probabilities,) = interpreter.get_input_details(), interpreter.get_output_details()
    img_data = np.zeros(DIM_BATCH_SIZE * DIM_IMG_WIDTH * DIM_IMG_HEIGHT * DIM_PIXEL_SIZE, np.float32)
    convert_bitmap_to_byte_buffer(bitmap, img_data)
    interpreter.set_tensor(image["index"], img_data.reshape(image["shape"]))
    interpreter.invoke()
    return interpreter.get_tensor(probabilities["index"])


def main(h5, tflite, picture):
    convert(Path(h5), Path(tflite))
    label_prob_array = recognise(Path(tflite), Image.open(picture))
    for index, probability in enumerate(label_prob_array[0]):
        print(f"index {index} prob is {probability:.6f}")
    ranked = sorted(zip(label_prob_array[0], LABELS, strict=True), reverse=True)
    print("labels", *(label for _probability, label in ranked))
    print("top", ranked[0][1])


if __name__ == "__main__":
    main(*sys.argv[1:])
