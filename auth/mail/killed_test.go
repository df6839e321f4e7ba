package mail_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// killedAt is set in the process that TestKilled kills: where.
const killedAt = "GATEHOUSE_TEST_KILLED_AT"

// A process that is killed at any step loses no mail. Only if it is killed after the server
// has taken the mail, and before the outbox knows, is the mail sent twice, with one
// Message-ID and another token.
func TestKilled(t *testing.T) {
	if at, ok := os.LookupEnv(killedAt); ok {
		mailUntilKilled(t, at)
		return
	}
	for at, want := range map[string]int{"posted": 1, "claimed": 1, "composed": 1, "sent": 2, "done": 1} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run := func(at string, post bool, ahead time.Duration) (killed bool) {
				c := exec.Command(os.Args[0], "-test.run=^TestKilled$")
				c.Env = append(os.Environ(), killedAt+"="+at, fmt.Sprintf("GATEHOUSE_TEST_POST=%v", post),
					"GATEHOUSE_TEST_AHEAD="+ahead.String(), "GATEHOUSE_TEST_DIR="+dir)
				out, err := c.CombinedOutput()
				if c.ProcessState == nil || err != nil && c.ProcessState.Exited() {
					t.Fatalf("%v\n%s", err, out)
				}
				return err != nil
			}
			if !run(at, true, 0) {
				t.Fatal("was not killed")
			}
			run("", false, 4*time.Minute) // while the claim lasts
			run("", false, 6*time.Minute)
			run("", false, 24*time.Hour)
			sent, err := os.ReadFile(filepath.Join(dir, "sent"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Fields(string(sent))
			if len(lines) != 2*want {
				t.Fatalf("sent %d times, want %d:\n%s", len(lines)/2, want, sent)
			}
			if want == 2 && (lines[0] != lines[2] || lines[1] == lines[3]) {
				t.Errorf("sent:\n%s", sent)
			}
		})
	}
}

// mailUntilKilled enqueues and works off what is due, and kills its process at a step.
func mailUntilKilled(t *testing.T, at string) {
	dir := os.Getenv("GATEHOUSE_TEST_DIR")
	ahead, err := time.ParseDuration(os.Getenv("GATEHOUSE_TEST_AHEAD"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := open.Open("file:" + filepath.Join(dir, "mail.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	step := func(name string) {
		if name == at {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
	}
	mailer := mailerFunc(func(_ context.Context, m *mail.Message) error {
		step("composed")
		f, err := os.OpenFile(filepath.Join(dir, "sent"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = io.WriteString(f, m.MessageID+" "+m.Data["link"]+"\n")
			f.Close()
		}
		step("sent")
		return err
	})
	post := mail.New(base, telling{db.Outbox(), step}, mailer, nil)
	if _, err := auth.New(auth.UserFunc(nobody), memory.New(nil), &auth.Options{Providers: []auth.Provider{post},
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(ahead) }}); err != nil {
		t.Fatal(err)
	}
	post.Handle("reset", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": post.Link("/reset", fmt.Sprint(os.Getpid()))}}, nil
	})
	if os.Getenv("GATEHOUSE_TEST_POST") == "true" {
		if err := post.Post(t.Context(), outbox.Entry{Kind: "reset", To: ada}); err != nil {
			t.Fatal(err)
		}
		step("posted")
	}
	if err := post.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// telling is an outbox that tells of what it has done.
type telling struct {
	outbox.Store
	step func(name string)
}

func (o telling) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	entries, err := o.Store.Claim(ctx, realm, now, until, limit)
	if len(entries) > 0 {
		o.step("claimed")
	}
	return entries, err
}

func (o telling) Done(ctx context.Context, e outbox.Entry) error {
	err := o.Store.Done(ctx, e)
	o.step("done")
	return err
}
