package cedarauthz

import (
	"fmt"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
)

// What the context has of our own. Those that change by themselves are last.
var contextNames = []string{"tenant", "methods", "actor", "now", "proofAge"}

const lasting = 3 // of contextNames

// ofContext returns those attributes of the context that policies look at.
func (d *decision) ofContext(a auth.Access) (cedar.Record, error) {
	names := d.plan.contextNames
	more := d.a.context != nil && d.plan.contextOther
	if len(names) == 0 && !more {
		return cedar.Record{}, nil
	}
	if !more && !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(contextNames[lasting:], n) }) {
		key := appendString(d.plan.key(d.key, 'c'), d.in.Tenant)
		d.key = appendString(appendStrings(key, d.in.Methods), d.in.Actor)
		return d.kept(func() cedar.Record { return cedar.NewRecord(d.contextMap(names)) }), nil
	}
	m := d.contextMap(names)
	if more {
		theirs, err := d.a.context(d.ctx, a)
		if err != nil {
			return cedar.Record{}, outage("Options.Context", err)
		}
		for name, v := range theirs {
			switch {
			case slices.Contains(contextNames, string(name)):
				return cedar.Record{}, fmt.Errorf("cedarauthz: Options.Context: %q has a meaning already", name)
			case v == nil:
				return cedar.Record{}, fmt.Errorf("cedarauthz: Options.Context: %q is nil", name)
			}
			m[name] = v
		}
	}
	return cedar.NewRecord(m), nil
}

func (d *decision) contextMap(names []string) cedar.RecordMap {
	m := make(cedar.RecordMap, len(names))
	for _, name := range names {
		switch name {
		case "tenant":
			m["tenant"] = cedar.String(d.in.Tenant)
		case "methods":
			m["methods"] = setOf(d.in.Methods)
		case "actor":
			if d.in.Actor != "" {
				m["actor"] = cedar.NewEntityUID(userType, cedar.String(d.in.Actor))
			}
		case "now":
			m["now"] = cedar.NewDatetime(d.in.At)
		case "proofAge":
			if d.in.ProofAge >= 0 {
				m["proofAge"] = cedar.NewDurationFromMillis(ceil(d.in.ProofAge))
			}
		}
	}
	return m
}

// ceil returns milliseconds, rounded up: what is a moment too old is too old.
func ceil(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
}
