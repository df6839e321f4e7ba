package memory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestCountWindows(t *testing.T) {
	s := memory.New(nil)
	for _, window := range []time.Duration{time.Nanosecond, time.Millisecond - 1, time.Millisecond} {
		_, until, err := s.Count(t.Context(), window.String(), window, t0)
		if must(t, err); !until.Equal(t0.Add(time.Millisecond)) {
			t.Errorf("a window of %v lasts until %v, want a millisecond and not for ever", window, until)
		}
	}
	if _, _, err := s.Count(t.Context(), "k", -time.Second, t0); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("negative window: %v, want %v", err, auth.ErrInvalid)
	}
}
