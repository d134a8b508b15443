//go:build !slim

package devstack

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/primitives"
)

// clusterName and clusterID are stored in the database at its first start: they must never change.
const (
	clusterName = "active"
	clusterID   = "7e0f2c1a-5a0b-4b7e-9d0e-6a3c5b1f8d24"
	dataStore   = "sqlite"
)

// historyShards is stored in the database at its first start too. One SQLite writer serialises
// all shards, so a second one would only add queues.
const historyShards = 1

// serverConfig is the static configuration: all four services on one address, membership
// without gossip, no archival, no metrics listener, no profiler.
func serverConfig(ctx context.Context, frontend netip.AddrPort, sql *config.SQL) (*config.Config, error) {
	loopback := netip.MustParseAddr("127.0.0.1")
	ports, err := freePorts(ctx, loopback, 3)
	if err != nil {
		return nil, err
	}
	frontendPort := int(frontend.Port())
	if frontendPort == 0 {
		free, err := freePorts(ctx, frontend.Addr(), 1)
		if err != nil {
			return nil, err
		}
		frontendPort = free[0]
	}
	service := func(ip netip.Addr, port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: ip.String()}}
	}
	// A frontend bound to all addresses is reached over loopback by the other services and by us.
	reach := frontend.Addr()
	if reach.IsUnspecified() {
		reach = loopback
	}
	frontendAddr := joinHostPort(reach, frontendPort)

	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     dataStore,
			VisibilityStore:  dataStore,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{dataStore: {SQL: sql}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             frontendAddr,
				ClusterID:              clusterID,
			}},
		},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(frontend.Addr(), frontendPort),
			string(primitives.HistoryService):  service(loopback, ports[0]),
			string(primitives.MatchingService): service(loopback, ports[1]),
			string(primitives.WorkerService):   service(loopback, ports[2]),
		},
		PublicClient:        config.PublicClient{HostPort: frontendAddr},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
	}
	conf.Global.Membership.MaxJoinDuration = 30 * time.Second
	conf.Global.Membership.BroadcastAddress = reach.String()
	conf.Archival.History.State = "disabled"
	conf.Archival.Visibility.State = "disabled"
	conf.NamespaceDefaults.Archival.History.State = "disabled"
	conf.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return conf, nil
}

// dynamicConfig tunes the server, whose defaults are meant for a fleet, for one small machine:
// limits that protect tenants from each other go, pools and caches sized for gigabytes shrink.
func dynamicConfig(cfg TemporalConfig) dynamicconfig.StaticClient {
	values := map[dynamicconfig.Key]any{
		// Never ask the internet for newer versions.
		dynamicconfig.EnableServerVersionCheck.Key(): false,

		// New namespaces and search attributes are seen by every service after this long.
		dynamicconfig.NamespaceCacheRefreshInterval.Key(): namespaceRefresh(cfg),

		// Schedules: 30 starts/s is the default.
		dynamicconfig.SchedulerNamespaceStartWorkflowRPS.Key(): 1000.0,
		dynamicconfig.WorkerPerNamespaceWorkerStartRate.Key():  1000.0,
		dynamicconfig.WorkerPerNamespaceWorkerOptions.Key():    schedulerWorker(),

		// Rate limits.
		dynamicconfig.FrontendRPS.Key():                                  unlimited,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():           unlimited,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): unlimited,
		dynamicconfig.HistoryRPS.Key():                                   unlimited,
		dynamicconfig.MatchingRPS.Key():                                  unlimited,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                    unlimited,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                     unlimited,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                    unlimited,
		dynamicconfig.WorkerPersistenceMaxQPS.Key():                      unlimited,

		// One partition: four of them only forward to each other inside one process.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// Goroutines that wait on one SQLite connection: hundreds per queue gain nothing.
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():   queueWorkers,
		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():      timerWorkers,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key(): queueWorkers,
		dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():   1,

		// Caches, in entries and bytes.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     4096,
		dynamicconfig.EnableHostLevelEventsCache.Key():       true,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): 16 << 20,
	}
	if cfg.Dir == "" {
		// What they clean up, orphaned history and expired tasks, does not live long enough in
		// memory.
		values[dynamicconfig.HistoryScannerEnabled.Key()] = false
		values[dynamicconfig.TaskQueueScannerEnabled.Key()] = false
	}
	if cfg.CHASMScheduler {
		values[dynamicconfig.EnableCHASMSchedulerCreation.Key()] = true
		values[dynamicconfig.CHASMSchedulerCreationRolloutPercent.Key()] = 100
	}
	client := make(dynamicconfig.StaticClient, len(values)+len(cfg.DynamicConfig))
	maps.Copy(client, values)
	for _, key := range slices.Sorted(maps.Keys(cfg.DynamicConfig)) {
		client[dynamicconfig.MakeKey(key)] = cfg.DynamicConfig[key]
	}
	return client
}

const queueWorkers = 64

// timerWorkers is smaller: at a full hour a timer of every schedule fires, and what is urgent
// then are starts.
const timerWorkers = 4

// schedulerWorker has the worker that runs a namespace's schedules take few tasks at a time. By
// default it takes a thousand; when many schedules are due at once, most of those time out
// beside each other on a small machine and wait idle to be tried again (measured: 1,000 due at
// once started in 20 s instead of 24 s, without the pause of 5 s). Two leave room for the
// starts that internal/crowd makes meanwhile (measured: 1,000 in 6.5 s instead of 19 s). Tasks
// it has not taken wait in its sticky queue, which gives up after 5 s by default, and then
// costs a replay.
func schedulerWorker() worker.Options {
	return worker.Options{
		MaxConcurrentWorkflowTaskExecutionSize:  2,
		MaxConcurrentLocalActivityExecutionSize: 2,
		StickyScheduleToStartTimeout:            time.Minute,
	}
}

func namespaceRefresh(cfg TemporalConfig) time.Duration {
	if cfg.NamespaceRefresh > 0 {
		return cfg.NamespaceRefresh
	}
	return time.Second
}
