package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/activity-core/activity-core/internal/sqlstore"
)

// maxGroup is how many transactions share one commit at most: it bounds how
// long the first of them waits for the last.
const maxGroup = 64

// errGroup marks a group that SQLite rolled back as a whole.
var errGroup = errors.New("the transaction was rolled back")

// errClosed is the answer after stop.
var errClosed = fmt.Errorf("the SQLite file is closed: %w", sql.ErrConnDone)

// job is one transaction that waits for the writer.
type job struct {
	ctx   context.Context
	fn    func(context.Context, sqlstore.Querier) error
	err   error
	panic any
	done  chan struct{}
}

// writer owns the one connection that writes. Transactions that wait for it at
// the same time are committed together, each in its own savepoint, so that they share
// the fsync, which is most of a commit's cost.
type writer struct {
	conn       *sql.Conn
	statements *statements
	jobs       chan *job
	quit       chan struct{}
	ended      chan struct{}
	once       sync.Once
}

func startWriter(conn *sql.Conn) *writer {
	w := &writer{
		conn: conn, statements: newStatements(conn),
		jobs: make(chan *job, maxGroup), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.loop()
	return w
}

// submit runs fn in a transaction and returns when it is committed or rolled
// back. A context that ends while fn waits for its turn makes it not run; once it runs it is
// not interrupted, because SQLite would roll the whole group back.
func (w *writer) submit(ctx context.Context, fn func(context.Context, sqlstore.Querier) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case <-w.quit:
		return errClosed
	default:
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case <-j.done:
	case <-w.ended:
		select {
		case <-j.done: // it was among the last
		default:
			return errClosed
		}
	}
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// stop ends the loop after the transactions it has taken. It is repeatable.
func (w *writer) stop() error {
	var err error
	w.once.Do(func() {
		close(w.quit)
		<-w.ended
		err = errors.Join(w.statements.Close(), w.conn.Close())
	})
	return err
}

func (w *writer) loop() {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case j := <-w.jobs:
			group := []*job{j}
			for more := true; more && len(group) < maxGroup; {
				select {
				case j := <-w.jobs:
					group = append(group, j)
				default:
					more = false
				}
			}
			w.commit(group)
			for _, j := range group {
				close(j.done)
			}
		}
	}
}

// commit runs a group. If SQLite gives the transaction up (disk full, I/O
// error), the jobs are run again one by one, so that each gets its own answer.
func (w *writer) commit(group []*job) {
	err := w.run(group)
	if err == nil {
		return
	}
	for _, j := range group {
		if len(group) > 1 && errors.Is(err, errGroup) {
			j.err, j.panic = nil, nil
			if err := w.run([]*job{j}); err != nil {
				j.err = err
			}
		} else if j.err == nil {
			j.err = err
		}
	}
}

func (w *writer) exec(sql string) error {
	_, err := w.statements.ExecContext(context.Background(), sql)
	return err
}

// run is one transaction. It returns an error if the transaction as a whole failed.
func (w *writer) run(group []*job) error {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			_ = w.exec("ROLLBACK") // fails if SQLite has done it already
		}
	}()
	for _, j := range group {
		if len(group) == 1 {
			if w.call(j); j.err != nil || j.panic != nil {
				return nil
			}
			continue
		}
		if err := w.exec("SAVEPOINT job"); err != nil {
			return errGroup
		}
		if w.call(j); j.err != nil || j.panic != nil {
			if err := w.exec("ROLLBACK TO job"); err != nil {
				return errGroup
			}
		}
		if err := w.exec("RELEASE job"); err != nil {
			return errGroup
		}
	}
	if err := w.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// call runs a job's statements; a panic is kept for the goroutine it belongs to.
func (w *writer) call(j *job) {
	defer func() {
		if p := recover(); p != nil {
			j.panic = p
		}
	}()
	if j.err = j.ctx.Err(); j.err == nil {
		j.err = j.fn(context.WithoutCancel(j.ctx), w.statements)
	}
}
