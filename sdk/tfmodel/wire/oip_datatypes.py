"""The Open Inference Protocol's datatypes: which of TensorFlow's types each is, and where a message holds values of it.

Names are those of the protocol's specification; BF16 is Triton's addition. Types that stand in no table (complex numbers,
resources) cannot be passed in this protocol. FP16 and BF16 have neither a form in JSON nor a typed field, only bytes.
"""

from collections.abc import Mapping

from tfmodel.wire.dtypes import DataType

DATATYPES: Mapping[DataType, str] = {
    DataType.BOOL: "BOOL",
    DataType.UINT8: "UINT8",
    DataType.UINT16: "UINT16",
    DataType.UINT32: "UINT32",
    DataType.UINT64: "UINT64",
    DataType.INT8: "INT8",
    DataType.INT16: "INT16",
    DataType.INT32: "INT32",
    DataType.INT64: "INT64",
    DataType.HALF: "FP16",
    DataType.BFLOAT16: "BF16",
    DataType.FLOAT: "FP32",
    DataType.DOUBLE: "FP64",
    DataType.STRING: "BYTES",
}
CONTENTS_FIELDS: Mapping[DataType, str] = {
    DataType.BOOL: "bool_contents",
    DataType.UINT8: "uint_contents",
    DataType.UINT16: "uint_contents",
    DataType.UINT32: "uint_contents",
    DataType.UINT64: "uint64_contents",
    DataType.INT8: "int_contents",
    DataType.INT16: "int_contents",
    DataType.INT32: "int_contents",
    DataType.INT64: "int64_contents",
    DataType.FLOAT: "fp32_contents",
    DataType.DOUBLE: "fp64_contents",
    DataType.STRING: "bytes_contents",
}
