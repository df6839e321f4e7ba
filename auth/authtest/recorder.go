package authtest

import "github.com/gatehouse-go/gatehouse/auth"

// A Recorder is a store in front of another that writes down which verbs were
// called: a [Faults] with the orders that tests of providers need most. Make one
// with [NewRecorder]. Its methods are safe for concurrent use.
//
// Abilities such as InTx are those of the store behind it and are not recorded;
// verbs in a transaction are.
type Recorder struct{ *Faults }

// NewRecorder returns a Recorder in front of store.
func NewRecorder(store auth.Store) *Recorder { return &Recorder{NewFaults(store)} }

// Unwrap returns the store behind it.
func (rec *Recorder) Unwrap() any { return rec.store }

// FailAt makes the n-th call from now, counted from 1, fail with err before it
// reaches the store.
func (rec *Recorder) FailAt(n int, err error) { rec.On().At(n).Fail(err) }

// FailFrom makes the n-th call from now, counted from 1, and all later ones fail
// with err: what a crash leaves.
func (rec *Recorder) FailFrom(n int, err error) { rec.On().From(n).Fail(err) }

// FailVerb makes every call of the verb fail with err.
func (rec *Recorder) FailVerb(verb string, err error) { rec.On(verb).Fail(err) }

// Meet makes callers of the verb wait until n of them are there, before any of
// them reaches the store. Later callers do not wait. A caller whose context ends
// gets its error.
func (rec *Recorder) Meet(verb string, n int) { rec.On(verb).Meet(n) }
