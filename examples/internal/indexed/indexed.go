// Package indexed gives a file of bbolt's what other databases have: values that are found by more than their keys, and
// transactions that contexts carry. It is made for examples/custom-store; all that it knows of Gatehouse is
// auth.ErrNotFound. Start with [Open].
package indexed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A DB is a file that one process at a time has open. It is safe for concurrent use.
type DB struct{ bolt *bolt.DB }

// A Tx is a transaction, for one goroutine.
type Tx struct{ values, index *bolt.Bucket }

// Open opens the file, or makes it. With nil options, what is acknowledged is on the disk, and a file that another
// process has open is an error after a second.
func Open(file string, opts *bolt.Options) (*DB, error) {
	if opts == nil {
		opts = &bolt.Options{Timeout: time.Second}
	}
	db, err := bolt.Open(file, 0o600, opts)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte("values"))
		if err == nil {
			_, err = tx.CreateBucketIfNotExists([]byte("index"))
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &DB{db}, nil
}

// Close closes the file. It waits for transactions to end.
func (db *DB) Close() error { return db.bolt.Close() }

// carried is where a context has the transaction of a file.
type carried struct{ db *DB }

// InTx calls f in a transaction, with a context by which View, Update and InTx join it. If f returns nil, all that was
// written in it is kept; if f returns an error or panics, nothing. One transaction at a time writes, so that
// an Update in f with another context would wait for ever. InTx in f does not undo by itself what it did.
func (db *DB) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	return db.Update(ctx, func(tx *Tx) error { return f(context.WithValue(ctx, carried{db}, tx)) })
}

// InTransaction reports whether ctx carries a transaction of the file.
func (db *DB) InTransaction(ctx context.Context) bool {
	_, ok := ctx.Value(carried{db}).(*Tx)
	return ok
}

// Update calls f in the transaction that ctx carries, or else in one of its own, as [DB.InTx] does.
func (db *DB) Update(ctx context.Context, f func(tx *Tx) error) error {
	return db.run(ctx, db.bolt.Update, f)
}

// View is Update for an f that writes nothing. It waits for nobody.
func (db *DB) View(ctx context.Context, f func(tx *Tx) error) error {
	return db.run(ctx, db.bolt.View, f)
}

func (db *DB) run(ctx context.Context, begin func(func(*bolt.Tx) error) error, f func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if tx, ok := ctx.Value(carried{db}).(*Tx); ok {
		return f(tx)
	}
	return begin(func(tx *bolt.Tx) error {
		if err := ctx.Err(); err != nil { // it ended while others were writing, and bbolt does not look at it
			return err
		}
		return f(&Tx{tx.Bucket([]byte("values")), tx.Bucket([]byte("index"))})
	})
}

// Key makes a key, or a name, of texts. They are quoted, so that none runs into the next.
func Key(sort string, texts ...string) string { return fmt.Sprintf("%s %q ", sort, texts) }

// At makes a name of a time, to the millisecond. In byte order the earlier is before the later.
func At(sort string, t time.Time) string {
	return sort + t.UTC().Format(" 2006-01-02T15:04:05.000 ")
}

// A record is what is under a key, as JSON. Under each of its names, with the key behind it, is the key.
type record[T any] struct {
	Value T
	Names []string
}

func read[T any](tx *Tx, key string) (r record[T], err error) {
	data := tx.values.Get([]byte(key)) // bbolt's memory, which is gone with the transaction
	if data == nil {
		return r, auth.ErrNotFound
	}
	return r, json.Unmarshal(data, &r)
}

// Has reports whether there is a value with the key.
func (tx *Tx) Has(key string) bool { return tx.values.Get([]byte(key)) != nil }

// Get returns the value with the key. The error is auth.ErrNotFound if there is none.
func Get[T any](tx *Tx, key string) (T, error) {
	r, err := read[T](tx, key)
	return r.Value, err
}

// Put puts a value in the place of what has the key. It is found by the names, too.
func (tx *Tx) Put(key string, value any, names ...string) error {
	data, err := json.Marshal(record[any]{value, names})
	if err != nil {
		return err
	}
	if err := tx.Delete(key); err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	for _, name := range names {
		if err := tx.index.Put([]byte(name+key), []byte(key)); err != nil {
			return err
		}
	}
	return tx.values.Put([]byte(key), data)
}

// Delete deletes the value with the key. The error is auth.ErrNotFound if there is none.
func (tx *Tx) Delete(key string) error {
	r, err := read[json.RawMessage](tx, key)
	if err != nil {
		return err
	}
	for _, name := range r.Names {
		if err := tx.index.Delete([]byte(name + key)); err != nil {
			return err
		}
	}
	return tx.values.Delete([]byte(key))
}

// DeleteFunc deletes the values with the name for which del returns true.
func DeleteFunc[T any](tx *Tx, name string, del func(T) bool) error {
	for _, key := range tx.keys(name, name, math.MaxInt) {
		v, err := Get[T](tx, key)
		if err == nil && del(v) {
			err = tx.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteFrom deletes at most limit values with names from first to last, in the order of the names, and returns how many.
func (tx *Tx) DeleteFrom(first, last string, limit int) (n int, err error) {
	for _, key := range tx.keys(first, last, limit) {
		if err := tx.Delete(key); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// keys returns the keys of at most limit values with names from first to last.
func (tx *Tx) keys(first, last string, limit int) (keys []string) {
	c := tx.index.Cursor()
	for k, key := c.Seek([]byte(first)); k != nil && len(keys) < limit; k, key = c.Next() {
		if string(k[:min(len(k), len(last))]) > last {
			break
		}
		keys = append(keys, string(key))
	}
	return keys
}

// Load is Get in a View.
func Load[T any](ctx context.Context, db *DB, key string) (v T, err error) {
	err = db.View(ctx, func(tx *Tx) error { v, err = Get[T](tx, key); return err })
	return v, err
}

// Take is Get and Delete in an Update.
func Take[T any](ctx context.Context, db *DB, key string) (v T, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		if v, err = Get[T](tx, key); err != nil {
			return err
		}
		return tx.Delete(key)
	})
	return v, err
}

// Find returns the values with the name, in a View.
func Find[T any](ctx context.Context, db *DB, name string) (all []T, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		for _, key := range tx.keys(name, name, math.MaxInt) {
			v, err := Get[T](tx, key)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}
