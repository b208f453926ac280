"""For training scripts: tell how far the training is, and what came out.

    from tfmodel import train
    train.report_progress(epoch=3, epochs=12, metrics={"loss": 0.21})
    train.report_epoch(3, step=141, seconds=1.2, metrics={"loss": 0.21})
    train.report_metrics({"accuracy": 0.97})

Keras: `model.fit(..., callbacks=[tfmodel.train.keras.ProgressCallback()])`. Outside a TFModel, where the variables of the
contract are not set, nothing is written.
"""

from tfmodel.train.reporting import report_epoch, report_metrics, report_progress

__all__ = ["report_epoch", "report_metrics", "report_progress"]
