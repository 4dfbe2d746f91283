"""Microsoft's Python packages create, poll and read back through their typed models, from threads.

Usage: sdk.py ENDPOINT SUBSCRIPTION TENANT
"""

import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.appcontainers import ContainerAppsAPIClient
from azure.mgmt.appcontainers import models as apps
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network import models as network
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from azure.mgmt.postgresqlflexibleservers import models as postgres
from azure.mgmt.redisenterprise import RedisEnterpriseManagementClient
from azure.mgmt.redisenterprise import models as redis
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.storage import models as storage
from azure.storage.blob import BlobServiceClient

ENDPOINT, SUBSCRIPTION, TENANT = sys.argv[1:4]
CREDENTIAL = ClientSecretCredential(TENANT, "any", "any", authority=ENDPOINT, disable_instance_discovery=True)
OPTIONS = {"base_url": ENDPOINT, "credential_scopes": [ENDPOINT + "/.default"], "polling_interval": 1}
GROUP, REGION = "sdk", "japaneast"
# The only waiting times in which a slow machine could fall behind are long ones: blobs have 20 s to connect otherwise,
# and what is sent again after that meets its own first attempt.
PATIENT = {"connection_timeout": 300, "read_timeout": 300}
LEASE_SECONDS = 60


def client(kind):
    return kind(CREDENTIAL, SUBSCRIPTION, **OPTIONS)


def container_apps():
    api = client(ContainerAppsAPIClient)
    made = api.managed_environments.begin_create_or_update(GROUP, "sdk-env", apps.ManagedEnvironment(location=REGION))
    environment = made.result()
    assert environment.properties.provisioning_state == "Succeeded", environment
    assert environment.properties.default_domain.endswith(".azurecontainerapps.io")

    def app(name):
        body = apps.ContainerApp(location=REGION, properties=apps.ContainerAppProperties(
            environment_id=environment.id,
            configuration=apps.Configuration(
                ingress=apps.Ingress(external=True, target_port=80),
                secrets=[apps.Secret(name="key", value=name)]),
            template=apps.Template(
                containers=[apps.Container(
                    name="main", image="example.com/app:1",
                    resources=apps.ContainerResources(cpu=0.5, memory="1Gi"),
                    env=[apps.EnvironmentVar(name="KEY", secret_ref="key")])],
                scale=apps.Scale(min_replicas=1, max_replicas=2))))
        found = api.container_apps.begin_create_or_update(GROUP, name, body).result()
        assert found.properties.provisioning_state == "Succeeded", found
        assert found.properties.template.containers[0].resources.cpu == 0.5
        assert found.properties.configuration.secrets[0].value is None
        secrets = api.container_apps.list_secrets(GROUP, name)
        assert secrets.value[0].value == name
        return found.name

    names = [f"sdk-app-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(app, names)) == names
    assert sorted(found.name for found in api.container_apps.list_by_resource_group(GROUP)) == names
    revisions = list(api.container_apps_revisions.list_revisions(GROUP, names[0]))
    assert len(revisions) == 1 and revisions[0].properties.active
    api.container_apps.begin_delete(GROUP, names[0]).result()
    try:
        api.container_apps.get(GROUP, names[0])
        raise AssertionError("a deleted app is found")
    except ResourceNotFoundError as error:
        assert error.error.code == "ResourceNotFound", error
    try:
        api.container_apps.begin_create_or_update(GROUP, "Wrong", apps.ContainerApp(location=REGION)).result()
        raise AssertionError("a wrong name is accepted")
    except HttpResponseError as error:
        assert error.status_code == 400, error
    return "environment, four apps from threads, secrets, revisions, a deletion, refusals as typed errors"


def postgresql():
    api = client(PostgreSQLManagementClient)
    server = api.servers.begin_create_or_update(GROUP, "sdk-dify-pg", postgres.Server(
        location=REGION, sku=postgres.Sku(name="Standard_B1ms", tier="Burstable"),
        administrator_login="dify", administrator_login_password="Sdk-Secret-1234", version="16",
        storage=postgres.Storage(storage_size_gb=32))).result()
    server = api.servers.get(GROUP, "sdk-dify-pg")
    assert server.state == "Ready" and server.fully_qualified_domain_name, server
    assert server.administrator_login_password is None
    database = api.databases.begin_create(GROUP, server.name, "dify", postgres.Database(charset="UTF8")).result()
    database = api.databases.get(GROUP, server.name, "dify")
    assert database.charset == "UTF8", database
    api.configurations.begin_put(GROUP, server.name, "azure.extensions", postgres.ConfigurationForUpdate(
        value="VECTOR", source="user-override")).result()
    assert api.configurations.get(GROUP, server.name, "azure.extensions").value.upper() == "VECTOR"
    assert "postgres" in [found.name for found in api.databases.list_by_server(GROUP, server.name)]
    return "a server by 202 without a body, a database, a parameter"


def managed_redis():
    api = client(RedisEnterpriseManagementClient)
    cluster = api.redis_enterprise.begin_create(GROUP, "sdk-dify-redis", redis.Cluster(
        location=REGION, sku=redis.Sku(name="Balanced_B0"), public_network_access="Enabled",
        minimum_tls_version="1.2")).result()
    assert cluster.resource_state == "Running" and cluster.host_name, cluster
    database = api.databases.begin_create(GROUP, cluster.name, "default", redis.Database(
        clustering_policy="NoCluster", eviction_policy="NoEviction", access_keys_authentication="Enabled")).result()
    assert database.port == 10000, database
    keys = api.databases.list_keys(GROUP, cluster.name, "default")
    assert keys.primary_key and keys.primary_key != keys.secondary_key
    return "a cluster, its database, its keys"


def storage_and_blobs():
    api = client(StorageManagementClient)
    name = "sdkdifystorage"
    assert api.storage_accounts.check_name_availability(
        storage.StorageAccountCheckNameAvailabilityParameters(name=name)).name_available
    account = api.storage_accounts.begin_create(GROUP, name, storage.StorageAccountCreateParameters(
        sku=storage.Sku(name="Standard_LRS"), kind="StorageV2", location=REGION,
        minimum_tls_version="TLS1_2")).result()
    assert account.provisioning_state == "Succeeded", account
    api.blob_containers.create(GROUP, name, "files", storage.BlobContainer())
    key = api.storage_accounts.list_keys(GROUP, name).keys_property[0].value
    blobs = BlobServiceClient(f"{ENDPOINT}/{name}", credential=key, **PATIENT)
    files = blobs.get_container_client("files")

    def write(number):
        text = str(number).encode() * 1000
        files.upload_blob(f"folder/{number}", text, max_concurrency=2)
        assert files.download_blob(f"folder/{number}").readall() == text

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    assert len(list(files.list_blobs(name_starts_with="folder/"))) == 8
    lease = files.get_blob_client("folder/1").acquire_lease(LEASE_SECONDS)
    try:
        files.delete_blob("folder/1")
        raise AssertionError("a leased blob is deleted")
    except HttpResponseError as error:
        assert error.error_code == "LeaseIdMissing", error
    lease.release()
    return "an account by 202 with an empty body, keys, a container, blobs and a lease from threads"


def networks():
    api = client(NetworkManagementClient)
    made = api.virtual_networks.begin_create_or_update(GROUP, "sdk-net", network.VirtualNetwork(
        location=REGION, address_space=network.AddressSpace(address_prefixes=["10.9.0.0/16"]))).result()
    assert made.provisioning_state == "Succeeded", made
    subnet = api.subnets.begin_create_or_update(GROUP, "sdk-net", "apps", network.Subnet(
        address_prefix="10.9.0.0/23",
        delegations=[network.Delegation(name="apps", service_name="Microsoft.App/environments")])).result()
    assert subnet.provisioning_state == "Succeeded", subnet
    assert [found.name for found in api.subnets.list(GROUP, "sdk-net")] == ["apps"]
    return "a network and a delegated subnet"


def groups_and_lists():
    api = client(ResourceManagementClient)
    group = api.resource_groups.get(GROUP)
    assert group.location == REGION, group
    made = api.resource_groups.create_or_update("sdk-short", {"location": REGION, "tags": {"a": "b"}})
    assert made.tags == {"a": "b"}
    api.resource_groups.begin_delete("sdk-short").result()
    assert not api.resource_groups.check_existence("sdk-short")
    assert api.providers.get("Microsoft.App").registration_state == "Registered"
    return "groups, a deletion that is followed, providers"


client(ResourceManagementClient).resource_groups.create_or_update(GROUP, {"location": REGION})
PARTS = [container_apps, postgresql, managed_redis, storage_and_blobs, networks, groups_and_lists]
with ThreadPoolExecutor(len(PARTS)) as pool:
    results = [(part.__name__, pool.submit(part)) for part in PARTS]
failed = False
for name, result in results:
    try:
        print(f"proven: {name}: {result.result()}")
    except BaseException as error:  # every part is told, not only the first that failed
        failed = True
        print(f"FAILED: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        traceback.print_exception(error)
sys.exit(failed)
