package backends_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

const killVariable = "BACKENDS_OUTBOX_CHILD" // a DSN, a space and a prefix

func openBox(t *testing.T, dsn, prefix string) *bunstore.Store {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, CloseDB: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestOutboxChild is a process that TestOutboxProcessKilled kills. It says what it is
// about to be done with, and what it has done, after it has.
func TestOutboxChild(t *testing.T) {
	dsn, prefix, ok := strings.Cut(os.Getenv(killVariable), " ")
	if !ok {
		t.Skip("run by TestOutboxProcessKilled")
	}
	s := openBox(t, dsn, prefix)
	ctx := t.Context()
	for {
		id := rand.Text()
		err := s.InTx(ctx, func(ctx context.Context) error {
			c := &auth.Credential{Kind: "k", Key: id, UserID: "u"}
			return errors.Join(s.ChangeCredentials(ctx, auth.Change{New: c}),
				s.Outbox().Enqueue(ctx, outbox.Entry{ID: id, Kind: "k", DueAt: time.Now()}))
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("kept", id)
		if mrand.N(2) == 0 {
			continue // more is enqueued than done
		}
		list, err := s.Outbox().Claim(ctx, "", time.Now(), time.Now().Add(24*time.Hour), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if mrand.N(4) == 0 {
				e.DueAt = time.Now()
				if err := s.Outbox().Postpone(ctx, e); err != nil {
					t.Fatal(err)
				}
				continue
			}
			fmt.Println("doing", e.ID)
			if err := s.Outbox().Done(ctx, e); err != nil {
				t.Fatal(err)
			}
			fmt.Println("done", e.ID)
		}
	}
}

// A process is killed at any moment. What it had kept waits, with what it is about; what
// it had not is not there by half; what it was at comes again; what was done does not.
func TestOutboxProcessKilled(t *testing.T) {
	prefix := "t" + strings.ToLower(rand.Text()[:12]) + "_"
	for name, dsn := range map[string]string{
		"SQLite":     "file:" + filepath.Join(t.TempDir(), "kill.db"),
		"PostgreSQL": os.Getenv("GATEHOUSE_TEST_POSTGRES"),
		"MariaDB":    os.Getenv("GATEHOUSE_TEST_MYSQL"),
	} {
		t.Run(name, func(t *testing.T) {
			if dsn == "" {
				t.Skip("server: it is not named")
			}
			s := openBox(t, dsn, prefix)
			ctx := context.Background()
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			defer func() {
				err := s.MigrateDown(ctx, 100)
				_, drop := s.DB(ctx).NewDropTable().Table(prefix + "migrations").Exec(ctx)
				if err := errors.Join(err, drop); err != nil {
					t.Error(err)
				}
			}()
			kept, doing, done := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for range 8 {
				cmd := exec.Command(os.Args[0], "-test.run=^TestOutboxChild$")
				cmd.Env = append(os.Environ(), killVariable+"="+dsn+" "+prefix)
				out, err := cmd.StdoutPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				lines, until := bufio.NewScanner(out), 5+mrand.N(30)
				var timer *time.Timer
				for n := 0; lines.Scan(); n++ {
					switch what, id, _ := strings.Cut(lines.Text(), " "); what {
					case "kept":
						kept[id] = true
					case "doing":
						doing[id] = true
					case "done":
						done[id] = true
					default:
						t.Fatalf("the process says %s", lines.Text())
					}
					if n == until {
						timer = time.AfterFunc(time.Duration(mrand.N(3_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
					}
				}
				if timer == nil {
					t.Fatal("the process ended by itself")
				}
				_ = cmd.Wait()
			}

			// All that is there, claimed or not, is due now.
			later := time.Now().Add(48 * time.Hour)
			left, err := s.Outbox().Claim(ctx, "", later, later, 100_000)
			if err != nil {
				t.Fatal(err)
			}
			waits := map[string]bool{}
			for _, e := range left {
				waits[e.ID] = true
				if _, err := s.LoadCredential(ctx, "k", e.ID); err != nil {
					t.Errorf("what entry %s is about: %v", e.ID, err)
				}
				if done[e.ID] {
					t.Errorf("entry %s was done and waits", e.ID)
				}
			}
			for id := range kept {
				if !waits[id] && !doing[id] {
					t.Errorf("entry %s is lost", id)
				}
			}
			if len(done) == 0 || len(waits) == 0 {
				t.Errorf("%d were kept, %d done, and %d wait", len(kept), len(done), len(waits))
			}
		})
	}
}
