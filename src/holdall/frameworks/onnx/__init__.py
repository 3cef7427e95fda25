"""ONNX files made elsewhere."""
