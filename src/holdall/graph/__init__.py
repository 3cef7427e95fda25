"""ONNX made: values of a graph being built, exact tree emitters, the assembly of a model. Knows no framework."""
