package bunstore_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

var proofLists = [][]auth.Proof{
	nil,
	{{}},
	{{Method: "password", At: time.UnixMilli(1_700_000_000_123).UTC(), Kind: "password", Key: "0190", Generation: 3}},
	{
		{Method: "a", At: time.UnixMilli(0).UTC(), Generation: math.MaxInt64},
		{At: time.UnixMilli(-1).UTC(), Kind: "é\xcc\x81", Key: strings.Repeat("k", 255), Generation: math.MinInt64},
	},
}

func TestProofsRoundTrip(t *testing.T) {
	for i, want := range proofLists {
		got, err := bunstore.DecodeProofs(bunstore.EncodeProofs(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d: got %v, %v, want %v", i, got, err, want)
		}
	}
	if got, err := bunstore.DecodeProofs(bunstore.EncodeProofs([]auth.Proof{{}})); err != nil || !got[0].At.IsZero() {
		t.Errorf("zero time comes back as %v, %v", got, err)
	}
}

func TestProofsDamaged(t *testing.T) {
	whole := bunstore.EncodeProofs(proofLists[3])
	for i := range whole {
		if got, err := bunstore.DecodeProofs(whole[:i]); err == nil {
			t.Errorf("cut to %d bytes: got %v, want an error", i, got)
		}
	}
	for name, b := range map[string][]byte{
		"nil":            nil,
		"another format": append([]byte{2}, whole[1:]...),
		"more after it":  append(bytes.Clone(whole), 0),
		"huge count":     {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"endless number": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"huge string":    {1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0},
		"text":           []byte("[]"),
	} {
		if got, err := bunstore.DecodeProofs(b); err == nil {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
}

func FuzzProofs(f *testing.F) {
	for _, p := range proofLists {
		f.Add(bunstore.EncodeProofs(p))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		p, err := bunstore.DecodeProofs(b)
		if err != nil {
			return
		}
		shown := fmt.Sprint(p)
		clear(b) // the proofs share no memory with it
		if fmt.Sprint(p) != shown {
			t.Fatal("decoded proofs changed with the bytes")
		}
		again, err := bunstore.DecodeProofs(bunstore.EncodeProofs(p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%x: decoded to %v, then to %v, %v", before, p, again, err)
		}
	})
}
