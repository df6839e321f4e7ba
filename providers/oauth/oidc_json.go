package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// errJSON: what should be one JSON object is something else.
var errJSON = errors.New("not one JSON object without duplicate members")

// maxJSONDepth is how deep what we read may be nested.
const maxJSONDepth = 16

// strictObject returns the members of data, which is one JSON object in valid
// UTF-8 and nothing else, in which no object has two members of one name: two
// readers of such a thing do not always see the same (RFC 8259, section 4). Numbers
// are json.Number. Its error is errJSON.
func strictObject(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := strictValue(d, 0)
	if err != nil {
		return nil, errJSON
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errJSON
	}
	return object, nil
}

func strictValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxJSONDepth {
		return nil, errJSON
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := strictValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	object := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := name.(string)
		if _, twice := object[key]; !ok || twice {
			return nil, errJSON
		}
		if object[key], err = strictValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return object, err
}

// plainNumbers returns v with float64 in place of json.Number, as encoding/json
// has it when nobody asks for more.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}
