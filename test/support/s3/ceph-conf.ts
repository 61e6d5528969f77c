/** A Ceph cluster of one of each, on the loopback, with its objects in memory: the configuration of it. */

export type CephPlace = {
  readonly directory: string
  readonly id: string
  readonly monitorPort: number
  /** Of the front end, as `endpoint=127.0.0.1:9000`. */
  readonly endpoints: readonly string[]
}

/** Most of it tells the monitor that one copy on one machine is meant so, and not to gather proposals for a second each. */
export function cephConf({ directory, id, monitorPort, endpoints }: CephPlace): string {
  return `[global]
fsid = ${id}
mon_initial_members = a
mon_host = v2:127.0.0.1:${monitorPort}
public_addr = 127.0.0.1
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_warn_on_pool_no_redundancy = false
mon_data_avail_crit = 1
mon_data_avail_warn = 2
run_dir = ${directory}
admin_socket = ${directory}/$name.asok
log_file = ${directory}/$name.log
log_to_stderr = false
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[mon.a]
mon_data = ${directory}/mon
mon_cluster_log_file = ${directory}/cluster.log
[osd.0]
osd_data = ${directory}/osd
[client.rgw]
rgw_frontends = beast ${endpoints.join(' ')} tcp_nodelay=1
ms_mon_client_mode = crc
rgw_data = ${directory}/rgw
rgw_user_quota_bucket_sync_interval = 1
rgw_bucket_quota_ttl = 0
`
}
