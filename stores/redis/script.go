package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

// A script is sent by its digest, and whole where a server does not know it
// yet.
type script struct{ text, sha string }

func newScript(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

// once is a command that the client does not send again when it got no reply:
// it may have been done. What must happen exactly once would be answered with
// what the first time has left.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run runs a script that may well run twice.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	return s.eval(ctx, sc, keys, args, func(cmd *redis.Cmd) redis.Cmder { return cmd })
}

// runOnce runs a script that is not sent again.
func (s *Store) runOnce(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	return s.eval(ctx, sc, keys, args, func(cmd *redis.Cmd) redis.Cmder { return once{cmd} })
}

func (s *Store) eval(ctx context.Context, sc script, keys []string, args []any, as func(*redis.Cmd) redis.Cmder) (any, error) {
	cmd := evalCmd(ctx, "evalsha", sc.sha, keys, args)
	err := s.client.Process(ctx, as(cmd))
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = evalCmd(ctx, "eval", sc.text, keys, args)
		err = s.client.Process(ctx, as(cmd))
	}
	if err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

func evalCmd(ctx context.Context, name, text string, keys []string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, text, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	return cmd
}
