//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
)

// temporalDBFile is the one file (with its WAL beside it) that holds everything Temporal knows.
const temporalDBFile = "temporal.db"

// Temporal is a running embedded Temporal server: frontend, history, matching and worker
// service in this process.
type Temporal struct {
	addr      string
	namespace string
	sql       *config.SQL
	attrs     map[string]enumspb.IndexedValueType
	retention time.Duration
	server    temporal.Server
	phase     temporalPhase

	polls    context.Context // ends with the server: see endLongPolls
	endPolls context.CancelFunc

	stopOnce sync.Once
	stopped  chan struct{}
	stopErr  error // readable once stopped is closed
}

// StartTemporal starts a Temporal server and returns when its namespace exists, its search
// attributes are usable and the frontend answers. A port that is taken gives a
// [PortInUseError].
//
// Temporal keeps its SQLite connection open after Stop, until the process ends; starting again
// on the same folder in the same process shares it.
func StartTemporal(ctx context.Context, cfg TemporalConfig) (*Temporal, error) {
	frontend, err := parseAddr("Temporal", cfg.FrontendAddr)
	if err != nil {
		return nil, err
	}
	if err := CheckPort("Temporal", frontend.String(), TemporalPortFlag); err != nil {
		return nil, err
	}
	if cfg.Namespace == "" {
		cfg.Namespace = DefaultNamespace
	}
	if cfg.Retention == 0 {
		cfg.Retention = defaultRetention
	}
	if cfg.Retention < time.Hour {
		return nil, fmt.Errorf("retention %s of namespace %q: want at least 1h, the least Temporal accepts", cfg.Retention, cfg.Namespace)
	}
	t := &Temporal{
		namespace: cfg.Namespace,
		attrs:     cfg.SearchAttributes,
		retention: cfg.Retention,
		stopped:   make(chan struct{}),
	}
	t.polls, t.endPolls = context.WithCancel(context.Background())
	if err := t.start(ctx, cfg, frontend); err != nil {
		return nil, errors.Join(fmt.Errorf("start Temporal server: %w", err), t.Stop(ctx))
	}
	return t, nil
}

func (t *Temporal) start(ctx context.Context, cfg TemporalConfig, frontend netip.AddrPort) error {
	var err error
	if cfg.Dir == "" {
		t.sql = memorySQL()
	} else {
		t.sql = fileSQL(filepath.Join(cfg.Dir, temporalDBFile), cfg.PowerLossSafe)
		if err := prepareFile(ctx, filepath.Join(cfg.Dir, temporalDBFile)); err != nil {
			return err
		}
	}
	if err := t.createNamespace(cfg.Namespace); err != nil {
		return err
	}
	conf, err := serverConfig(ctx, frontend, t.sql)
	if err != nil {
		return err
	}
	t.addr = conf.PublicClient.HostPort
	if err := t.startServer(conf, cfg); err != nil {
		return err
	}
	return t.awaitReady(ctx, cfg)
}

// startServer turns what the server calls fatal (a port taken meanwhile) into an error.
func (t *Temporal) startServer(conf *config.Config, cfg TemporalConfig) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case temporalFatal:
			err = p
		default:
			panic(p)
		}
	}()
	hosts := make(map[primitives.ServiceName]static.Hosts, len(conf.Services))
	for name, service := range conf.Services {
		addr, err := netip.ParseAddr(service.RPC.BindOnIP)
		if err != nil {
			return err
		}
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(joinHostPort(addr, service.RPC.GRPCPort))
	}
	identifyBinary()
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(temporalLogger{slog: serverLogger(cfg.Logger, cfg.LogLevel, "temporal"), phase: &t.phase}),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(dynamicConfig(cfg)),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithChainedFrontendGrpcInterceptors(t.endLongPolls),
	)
	if err != nil {
		return err
	}
	t.server = server
	return server.Start()
}

// identifyBinary tells the SDK how to name this binary. The server runs SDK workers of its own,
// and the SDK would name it by the MD5 of the executable, which took two thirds of the start.
// Size and time of the file tell builds apart as well; without them the SDK does it its way.
func identifyBinary() {
	path, err := os.Executable()
	if err != nil {
		return
	}
	if info, err := os.Stat(path); err == nil {
		worker.SetBinaryChecksum(fmt.Sprintf("%s-%x-%x", filepath.Base(path), info.Size(), info.ModTime().UnixNano()))
	}
}

// Addr is the IP address and port of the gRPC frontend.
func (t *Temporal) Addr() string { return t.addr }

// Namespace is the namespace the server was started with.
func (t *Temporal) Namespace() string { return t.namespace }

// CreateNamespace adds a namespace with the retention and search attributes of the
// configuration, usable when it returns. One that exists is left alone. It writes the row
// itself, in one step: through the API a namespace first exists without its search attributes,
// and each service notices them at another moment.
func (t *Temporal) CreateNamespace(ctx context.Context, name string) error {
	if err := t.createNamespace(name); err != nil {
		return err
	}
	return t.awaitNamespace(ctx, name)
}

func (t *Temporal) createNamespace(name string) error {
	ns, err := sqlite.NewNamespaceConfig(clusterName, name, false, t.attrs)
	if err != nil {
		return fmt.Errorf("namespace %q: %w", name, err)
	}
	ns.Detail.Config.Retention = durationProto(t.retention)
	return sqlite.CreateNamespaces(t.sql, ns)
}

// Stop shuts the server down and returns when it is gone, or when ctx is done (the server then
// goes on stopping). It may be called again, and on nil.
func (t *Temporal) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.stopOnce.Do(func() { go t.shutdown() })
	select {
	case <-t.stopped:
		return t.stopErr
	case <-ctx.Done():
		return fmt.Errorf("stop Temporal server: %w", context.Cause(ctx))
	}
}

func (t *Temporal) shutdown() {
	defer close(t.stopped)
	defer t.endPolls()
	if t.server == nil {
		return
	}
	t.phase.stopping.Store(true)
	t.endPolls()
	defer t.phase.stopped.Store(true)
	if err := t.server.Stop(); err != nil {
		t.stopErr = fmt.Errorf("stop Temporal server: %w", err)
	}
}

// endLongPolls ends the requests that wait for something to happen when the server begins to
// stop. The frontend gives requests under way a whole second to end, and the server never stops
// some of its own workers, which poll all the time: without this each stop took that second. A
// worker that takes its leave then is answered at once: nothing is left to unload, and the
// server's own workers, one for each namespace, leave one after the other, at up to half a
// second each. Other requests run to their end.
func (t *Temporal) endLongPolls(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if _, leaves := req.(*workflowservice.ShutdownWorkerRequest); leaves && t.polls.Err() != nil {
		return &workflowservice.ShutdownWorkerResponse{}, nil
	}
	history, _ := req.(*workflowservice.GetWorkflowExecutionHistoryRequest)
	if !strings.HasPrefix(path.Base(info.FullMethod), "Poll") && !history.GetWaitNewEvent() {
		return handler(ctx, req)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.polls, cancel)()
	res, err := handler(ctx, req)
	if err != nil && t.polls.Err() != nil {
		err = serviceerror.NewUnavailable("the server is stopping")
	}
	return res, err
}

// unlimited is a rate no dev stack reaches. Zero would mean "use the default" for some settings.
const unlimited = math.MaxInt32
