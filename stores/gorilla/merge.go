package gorillastore

import "reflect"

// An edit is what a request made of one key: a value, or nothing. No codec keeps nil,
// so nil is nothing.
type edit struct{ value any }

// diff returns what makes from what is in base what is in values.
func diff(base, values map[any]any) map[any]edit {
	var edits map[any]edit
	add := func(k, v any) {
		if edits == nil {
			edits = make(map[any]edit)
		}
		edits[k] = edit{v}
	}
	for k, v := range values {
		if was, ok := base[k]; !ok || !reflect.DeepEqual(was, v) {
			add(k, v)
		}
	}
	for k := range base {
		if _, ok := values[k]; !ok {
			add(k, nil)
		}
	}
	return edits
}

// merge applies the edits, which were made to base, to theirs, and returns that.
func (s *Store) merge(base, theirs map[any]any, edits map[any]edit) (map[any]any, error) {
	for k, e := range edits {
		v := e.value
		if was, is := base[k], theirs[k]; !reflect.DeepEqual(was, is) {
			var err error
			if v, err = s.opts.Merge(k, was, is, v); err != nil {
				return nil, err
			}
		}
		if v == nil {
			delete(theirs, k)
		} else {
			theirs[k] = v
		}
	}
	return theirs, nil
}

// MergeFlashes is the default of [Options.Merge]. Flash messages, which are values of
// type []any, are merged: what either request has added is there, and what either has
// taken is not. Of everything else the later Save wins, for this key alone.
func MergeFlashes(_, base, theirs, ours any) (any, error) {
	was, ok1 := list(base)
	is, ok2 := list(theirs)
	mine, ok3 := list(ours)
	if !ok1 || !ok2 || !ok3 {
		return ours, nil
	}
	var merged []any
	if added, kept := cutPrefix(mine, was); kept {
		merged = append(append(merged, is...), added...)
	} else { // taken, and perhaps others added
		rest, _ := cutPrefix(is, was)
		merged = append(append(merged, rest...), mine...)
	}
	if len(merged) == 0 {
		return nil, nil
	}
	return merged, nil
}

// list returns v as flash messages; none are some.
func list(v any) ([]any, bool) {
	if v == nil {
		return nil, true
	}
	l, ok := v.([]any)
	return l, ok
}

// cutPrefix returns l without prefix, if it begins with it.
func cutPrefix(l, prefix []any) ([]any, bool) {
	if len(l) < len(prefix) || len(prefix) > 0 && !reflect.DeepEqual(l[:len(prefix)], prefix) {
		return l, false
	}
	return l[len(prefix):], true
}
