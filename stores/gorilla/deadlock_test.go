package gorillastore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestDeadlock has another transaction lock the records of a user in the opposite
// order. Whoever is logged out everywhere is, and not left alone with an error that
// can only be logged.
func TestDeadlock(t *testing.T) {
	ctx, db := t.Context(), postgresDB(t)
	b := newBun(t, db)
	for n := range byte(2) {
		if err := b.Create(ctx, record(n+1, "ada")); err != nil {
			t.Fatal(err)
		}
	}
	table := strings.Fields(strings.TrimPrefix(b.SQL()[0], "CREATE TABLE IF NOT EXISTS "))[0]
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	lock := func(n byte) {
		t.Helper()
		if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET version = version + 1 WHERE id = $1", record(n, "").ID[:]); err != nil {
			t.Fatal(err)
		}
	}
	lock(2)
	done := make(chan error, 1)
	go func() { done <- b.DeleteUser(ctx, "ada") }()
	time.Sleep(300 * time.Millisecond) // it has the first, and waits for the second; it has waited longer when the server looks
	lock(1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("deleting the records of a user: %v", err)
	}
	for n := range byte(2) {
		if _, err := b.Load(ctx, record(n+1, "").ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("record %d: %v, want ErrNotFound", n+1, err)
		}
	}
}
