// Prints a strict JSON schema of Istio's mesh configuration, which has no CustomResourceDefinition: of its messages as
// istio.io/api describes them. A member that a message does not have is an error, and so is an unknown name in an enum.
package main

import (
	"encoding/json"
	"os"

	"google.golang.org/protobuf/reflect/protoreflect"
	mesh "istio.io/api/mesh/v1alpha1"
)

type schema map[string]any

// How protobuf writes its own messages in JSON (ProtoJSON); whatever else of Google's is free.
var wellKnown = map[protoreflect.FullName]schema{
	"google.protobuf.Duration":    {"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?s$`},
	"google.protobuf.BoolValue":   {"type": "boolean"},
	"google.protobuf.StringValue": {"type": "string"},
	"google.protobuf.DoubleValue": {"type": "number"},
	"google.protobuf.Int32Value":  {"type": "integer"},
	"google.protobuf.Int64Value":  {"type": "integer"},
	"google.protobuf.UInt32Value": {"type": "integer", "minimum": 0},
	"google.protobuf.UInt64Value": {"type": "integer", "minimum": 0},
}

var definitions = map[string]schema{}

func main() {
	root := reference((&mesh.MeshConfig{}).ProtoReflect().Descriptor())
	root["$defs"] = definitions
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(root); err != nil {
		panic(err)
	}
}

func reference(message protoreflect.MessageDescriptor) schema {
	name := message.FullName()
	if known, ok := wellKnown[name]; ok {
		return known
	}
	if name.Parent() == "google.protobuf" {
		return schema{}
	}
	if _, ok := definitions[string(name)]; !ok {
		properties := schema{}
		definitions[string(name)] = schema{"type": "object", "additionalProperties": false, "properties": properties}
		fields := message.Fields()
		for i := range fields.Len() {
			properties[fields.Get(i).JSONName()] = member(fields.Get(i))
		}
	}
	return schema{"$ref": "#/$defs/" + string(name)}
}

func member(field protoreflect.FieldDescriptor) schema {
	switch {
	case field.IsMap():
		return schema{"type": "object", "additionalProperties": single(field.MapValue())}
	case field.IsList():
		return schema{"type": "array", "items": single(field)}
	default:
		return single(field)
	}
}

func single(field protoreflect.FieldDescriptor) schema {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return reference(field.Message())
	case protoreflect.EnumKind:
		names := []protoreflect.Name{}
		for i := range field.Enum().Values().Len() {
			names = append(names, field.Enum().Values().Get(i).Name())
		}
		return schema{"enum": names}
	case protoreflect.BoolKind:
		return schema{"type": "boolean"}
	case protoreflect.StringKind, protoreflect.BytesKind:
		return schema{"type": "string"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return schema{"type": "number"}
	default:
		return schema{"type": "integer"}
	}
}
