package authtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// snapshot writes v down with all that it points to, so that two of them say whether
// anything has changed.
func snapshot(v any) string {
	var b strings.Builder
	writeDown(&b, reflect.ValueOf(v), map[uintptr]bool{})
	return b.String()
}

func writeDown(b *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("nil")
	case reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		b.WriteString(v.Elem().Type().String() + " ")
		writeDown(b, v.Elem(), seen)
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] || v.Type() == reflect.TypeFor[*time.Location]() { // which loads itself
			fmt.Fprintf(b, "%#x", v.Pointer())
			return
		}
		seen[v.Pointer()] = true
		b.WriteByte('&')
		writeDown(b, v.Elem(), seen)
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			b.WriteString(v.Type().Field(i).Name + ":")
			writeDown(b, v.Field(i), seen)
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	case reflect.Slice, reflect.Array:
		b.WriteByte('[')
		for i := range v.Len() {
			writeDown(b, v.Index(i), seen)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case reflect.Map:
		keys, values := []string{}, map[string]reflect.Value{}
		for key, value := range v.Seq2() {
			var name strings.Builder
			writeDown(&name, key, map[uintptr]bool{})
			keys, values[name.String()] = append(keys, name.String()), value
		}
		slices.Sort(keys)
		b.WriteString("map[")
		for _, key := range keys {
			b.WriteString(key + ":")
			writeDown(b, values[key], seen)
			b.WriteByte(' ')
		}
		b.WriteByte(']')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		fmt.Fprintf(b, "%#x", v.Pointer())
	default:
		fmt.Fprint(b, v)
	}
}
