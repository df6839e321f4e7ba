package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/bench"
	"github.com/gatehouse-go/gatehouse/bench/load"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// prefixVariable is in the environment of the processes of the site.
const prefixVariable = "GATEHOUSE_LOAD_PREFIX"

// A place is where the site keeps things.
type place struct {
	postgres, redis string
	prefix          string // of tables and keys
}

// A site is what one process has of it.
type site struct {
	store  auth.Store
	db     *bunstore.Store
	client *redis.Client
	remove func() error
}

// conns are for each process: the server's are shared with others.
const conns = 12

func (at place) open() (*site, error) {
	db, err := open.DB(at.postgres)
	if err != nil {
		return nil, err
	}
	db.DB.SetMaxOpenConns(conns)
	db.DB.SetMaxIdleConns(conns)
	sql, err := bunstore.New(db, &bunstore.Options{Prefix: at.prefix + "gatehouse_", CloseDB: true})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	opts, err := redis.ParseURL(at.redis)
	if err != nil {
		return nil, errors.Join(errors.New("the URL of Redis cannot be read"), sql.Close())
	}
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	sessions, err := redisstore.New(client, &redisstore.Options{Prefix: at.prefix})
	if err != nil {
		return nil, errors.Join(err, client.Close(), sql.Close())
	}
	return &site{
		store: auth.Combine(sql, auth.Parts{Sessions: sessions, Tickets: sessions, Limiter: sessions}),
		db:    sql, client: client,
		remove: func() error {
			return errors.Join(bench.Drop(db.DB, at.prefix), bench.Unlink(context.Background(), client, at.prefix), client.Close(), sql.Close())
		},
	}, nil
}

// serve is one of the processes: it serves the site until standard input ends, as it
// does when whoever has started it dies.
func serve(ctx context.Context, at place) error {
	s, err := at.open()
	if err != nil {
		return err
	}
	defer s.client.Close()
	defer s.db.Close()
	h, _, err := load.NewSite(s.store, s.db.Users())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	fmt.Println(l.Addr())
	if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
