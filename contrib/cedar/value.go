package cedarauthz

import (
	"encoding/binary"
	"fmt"

	"github.com/cedar-policy/cedar-go"
)

// valueOf makes an attribute of an object one of Cedar's.
func valueOf(v any) (cedar.Value, error) {
	switch v := v.(type) {
	case string:
		return cedar.String(v), nil
	case bool:
		return cedar.Boolean(v), nil
	case int64:
		return cedar.Long(v), nil
	case []string:
		return setOf(v), nil
	}
	return nil, fmt.Errorf("is a %T, and not a string, bool, int64 or []string", v)
}

func setOf(list []string) cedar.Set {
	values := make([]cedar.Value, len(list))
	for i, s := range list {
		values[i] = cedar.String(s)
	}
	return cedar.NewSet(values...)
}

// appendValue appends v to a key, so that no two values, and no two sequences of
// values, make the same. It is false for what valueOf does not take.
func appendValue(key []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return appendString(append(key, 's'), v), true
	case bool:
		if v {
			return append(key, 't'), true
		}
		return append(key, 'f'), true
	case int64:
		return binary.BigEndian.AppendUint64(append(key, 'i'), uint64(v)), true
	case []string:
		return appendStrings(append(key, 'l'), v), true
	}
	return key, false
}

func appendStrings(key []byte, list []string) []byte {
	key = binary.AppendUvarint(key, uint64(len(list)))
	for _, s := range list {
		key = appendString(key, s)
	}
	return key
}

func appendString(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}
