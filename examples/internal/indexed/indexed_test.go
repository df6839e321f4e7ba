package indexed_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
)

func open(t *testing.T) *indexed.DB {
	t.Helper()
	db, err := indexed.Open(filepath.Join(t.TempDir(), "db"), &bolt.Options{Timeout: time.Second, NoSync: true})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, db *indexed.DB, key, value string, names ...string) {
	t.Helper()
	must(t, db.Update(t.Context(), func(tx *indexed.Tx) error { return tx.Put(key, value, names...) }))
}

func checkFind(t *testing.T, db *indexed.DB, name string, want ...string) {
	t.Helper()
	got, err := indexed.Find[string](t.Context(), db, name)
	must(t, err)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("with the name %q: %q, want %q", name, got, want)
	}
}

// Names go with their values, however those are replaced and deleted.
func TestNames(t *testing.T) {
	db := open(t)
	put(t, db, "1", "one", "odd", "small")
	put(t, db, "2", "two", "even", "small")
	put(t, db, "3", "three", "odd")
	checkFind(t, db, "odd", "one", "three")
	checkFind(t, db, "small", "one", "two")
	put(t, db, "1", "uno", "odd")
	checkFind(t, db, "odd", "three", "uno")
	checkFind(t, db, "small", "two")
	must(t, db.Update(t.Context(), func(tx *indexed.Tx) error {
		return indexed.DeleteFunc(tx, "odd", func(v string) bool { return v == "uno" })
	}))
	checkFind(t, db, "odd", "three")
	taken, err := indexed.Take[string](t.Context(), db, "3")
	if must(t, err); taken != "three" {
		t.Errorf("took %q", taken)
	}
	checkFind(t, db, "odd")
	if _, err := indexed.Take[string](t.Context(), db, "3"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("took it again: %v", err)
	}
}

// No text is mistaken for the beginning, the end or a part of others.
func TestKey(t *testing.T) {
	seen := map[string]bool{}
	for _, texts := range [][]string{{"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a b"}, {`a" "b`}, {`a\" \"b`}, {"a\x00b"}, {"a", "b\xff"}, {"a", `b\xff`}, {"a", "b\ufffd"}, {}} {
		key := indexed.Key("k", texts...)
		for other := range seen {
			if len(other) <= len(key) && key[:len(other)] == other || len(key) < len(other) && other[:len(key)] == key {
				t.Errorf("%q and %q", key, other)
			}
		}
		seen[key] = true
	}
}

func TestDeleteFrom(t *testing.T) {
	db := open(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.FixedZone("", 3600))
	put(t, db, "never", "never", indexed.At("ends", time.Time{}), "all")
	put(t, db, "1", "1", indexed.At("ends", at), "all")
	put(t, db, "2", "2", indexed.At("ends", at.Add(time.Millisecond)), "all")
	put(t, db, "3", "3", indexed.At("ends", at.Add(time.Hour)), "all")
	put(t, db, "4", "4", indexed.At("begins", at), "all")
	for _, want := range []int{0, 1, 1, 0} {
		err := db.Update(t.Context(), func(tx *indexed.Tx) error {
			limit := min(want, 1)
			n, err := tx.DeleteFrom(indexed.At("ends", time.Time{}.Add(time.Millisecond)), indexed.At("ends", at.Add(time.Millisecond)), limit)
			if n != want {
				t.Errorf("deleted %d, want %d", n, want)
			}
			return err
		})
		must(t, err)
	}
	checkFind(t, db, "all", "3", "4", "never")
}

func TestContext(t *testing.T) {
	db := open(t)
	ended, cancel := context.WithCancel(t.Context())
	// It ends while another writes.
	writing, end := make(chan struct{}), make(chan struct{})
	go func() {
		_ = db.Update(t.Context(), func(*indexed.Tx) error { close(writing); <-end; return nil })
	}()
	<-writing
	result := make(chan error)
	go func() {
		result <- db.Update(ended, func(tx *indexed.Tx) error { return tx.Put("1", "one") })
	}()
	cancel()
	close(end)
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Update with a context that has ended: %v", err)
	}
	if _, err := indexed.Load[string](t.Context(), db, "1"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("it was written: %v", err)
	}
}

func TestInTransaction(t *testing.T) {
	db, other := open(t), open(t)
	must(t, db.InTx(t.Context(), func(ctx context.Context) error {
		if !db.InTransaction(ctx) || db.InTransaction(t.Context()) || other.InTransaction(ctx) {
			t.Error("a transaction is of one file, and of the context that it has given")
		}
		return nil
	}))
}

// A file that another has open is an error, and not for ever.
func TestOpenTwice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	db, err := indexed.Open(file, nil)
	must(t, err)
	defer db.Close()
	if _, err := indexed.Open(file, &bolt.Options{Timeout: 50 * time.Millisecond}); err == nil {
		t.Error("opened twice")
	}
}
