package gorillastore

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
)

// A Codec turns the values of a session into what is stored, and back. Its methods
// are called concurrently.
type Codec interface {
	// Encode encodes the values, of which there may be none, into at least one byte.
	// It keeps nothing of them.
	Encode(values map[any]any) ([]byte, error)
	// Decode returns new values, which share no memory with data or with what else
	// Decode returned. It is only given what Encode once returned.
	Decode(data []byte) (map[any]any, error)
}

// Gob is the default [Codec], of [encoding/gob] as in gorilla's own stores. Types of
// keys and of values that are more than a basic type or a slice of one, such as
// structs, maps and time.Time, are to be registered with [gob.Register] when the
// program starts.
type Gob struct{}

// Encode implements [Codec].
func (Gob) Encode(values map[any]any) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(values); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode implements [Codec].
func (Gob) Decode(data []byte) (map[any]any, error) {
	var values map[any]any
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&values); err != nil {
		return nil, err
	}
	return values, nil
}

// encode returns the values as they are stored, or an error that says why not.
func (s *Store) encode(name string, values map[any]any) ([]byte, error) {
	data, err := s.opts.Codec.Encode(values)
	switch {
	case err != nil:
		return nil, fmt.Errorf("gorillastore: encoding session %q: %w", name, err)
	case len(data) == 0:
		return nil, fmt.Errorf("gorillastore: encoding session %q: the codec returned nothing", name)
	case len(data) > s.opts.MaxSize:
		return nil, fmt.Errorf("%w: %q would take %d bytes of at most %d", ErrTooLarge, name, len(data), s.opts.MaxSize)
	}
	return data, nil
}

func (s *Store) decode(name string, data []byte) (map[any]any, error) {
	values, err := s.opts.Codec.Decode(data)
	if err == nil && values == nil {
		err = errors.New("the codec returned nothing")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: session %q: %w", ErrDecode, name, err)
	}
	return values, nil
}
