// The part of ONNX's model format (onnx/onnx.proto, Apache-2.0) that Tessera writes, encoded by protobufjs.
// Field numbers are the format's own.
import protobuf from 'protobufjs';

const schema = `
syntax = "proto3";
package onnx;
message Attribute { string name = 1; float f = 2; int64 i = 3; bytes s = 4; repeated int64 ints = 8; int32 type = 20; }
message StringEntry { string key = 1; string value = 2; }
message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; repeated StringEntry external_data = 13; int32 data_location = 14; }
message Dimension { int64 dim_value = 1; }
message TensorShape { repeated Dimension dim = 1; }
message TensorType { int32 elem_type = 1; TensorShape shape = 2; }
message Type { TensorType tensor_type = 1; }
message ValueInfo { string name = 1; Type type = 2; }
message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated Attribute attribute = 5; string domain = 7; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated ValueInfo input = 11; repeated ValueInfo output = 12; }
message OperatorSet { string domain = 1; int64 version = 2; }
message Model { int64 ir_version = 1; string producer_name = 2; Graph graph = 7; repeated OperatorSet opset_import = 8; }
`;

const modelType = protobuf.parse(schema, { keepCase: true }).root.lookupType('onnx.Model');

export interface OnnxAttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly ints?: readonly number[];
}

export interface OnnxNodeProto {
  readonly name: string;
  readonly op_type: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttributeProto[];
}

export interface OnnxTensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data_type: number;
  readonly raw_data?: Uint8Array;
  readonly external_data?: readonly { readonly key: string; readonly value: string }[];
  /** 1 when the data stands in another file. */
  readonly data_location?: number;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly type: {
    readonly tensor_type: {
      readonly elem_type: number;
      readonly shape: { readonly dim: readonly { readonly dim_value: number }[] };
    };
  };
}

export interface OnnxGraphProto {
  readonly name: string;
  readonly node: readonly OnnxNodeProto[];
  readonly initializer: readonly OnnxTensorProto[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
}

/** The bytes of an ONNX model: opset 23 with Microsoft's contributed ops beside it. */
export function encodeModel(graph: OnnxGraphProto): Uint8Array {
  const opset_import = [
    { domain: '', version: 23 },
    { domain: 'com.microsoft', version: 1 },
  ];
  const message = modelType.create({ ir_version: 11, producer_name: 'tessera', graph, opset_import });
  return modelType.encode(message).finish();
}
