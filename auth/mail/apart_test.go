package mail_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// What joins transactions has InTx; here it need not do more.
type (
	joiningStore  struct{ auth.Store }
	joiningOutbox struct{ outbox.Store }
)

func (joiningStore) InTx(ctx context.Context, f func(ctx context.Context) error) error { return f(ctx) }

func (joiningOutbox) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	return f(ctx)
}

// Whether there is nothing to send is asked once more if the outbox shows entries before
// what they are about can be seen.
func TestNothingToSend(t *testing.T) {
	for _, test := range []struct {
		name          string
		store, outbox bool // join transactions
		later         bool // it is asked once more
	}{
		{"neither joins", false, false, false},
		{"both join", true, true, false},
		{"the store alone", true, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, func(p *parts) {
				if test.store {
					p.store = joiningStore{p.store}
				}
				if test.outbox {
					p.outbox = joiningOutbox{p.outbox}
				}
			})
			asked := 0
			s.Handle("test", func(context.Context, outbox.Entry) (*mail.Draft, error) {
				asked++
				return nil, nil
			})
			s.post(t, outbox.Entry{})
			var got []int
			for _, d := range []time.Duration{0, time.Minute - time.Millisecond, time.Millisecond, time.Hour} {
				s.pass(d)
				s.flush(t)
				got = append(got, asked)
			}
			want := []int{1, 1, 1, 1}
			if test.later {
				want = []int{1, 1, 2, 2}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("asked %v times, want %v", got, want)
			}
		})
	}
}
