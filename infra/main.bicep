targetScope = 'subscription'

// ---------------------------------------------------------------------------------------------------------------
// What must be said

@description('The name of the azd environment: the resource group, the tags and every unique name are made from it.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('The region of everything that is made here. Flex Consumption must be offered there. Take the region of the segments: data then never crosses one.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

// ---------------------------------------------------------------------------------------------------------------
// Where the segments are

@description('The storage account that Customer Insights writes to. Empty: a new one is made.')
param segmentStorageAccount string = ''

@description('The resource group of that account, in the same subscription. Empty: the app\'s own, for an account that is made.')
param segmentStorageResourceGroup string = ''

@description('The containers with segments, separated by commas. The app may read these and no others.')
@minLength(3)
param segmentContainers string = 'segments'

@description('The Event Grid system topic that the account has already: there can only be one. Empty: one is made.')
param segmentSystemTopic string = ''

@description('The object id of Customer Insights\' own service principal in this tenant, which may then write to the account that is made here. Empty, or with an existing account: roles are assigned by hand, see docs/deploy.md.')
param customerInsightsPrincipalId string = ''

// ---------------------------------------------------------------------------------------------------------------
// The app's settings: the table in README.md says what each does

@description('Where the configuration is, as container/blob in the app\'s own storage. The container is made, and the deployer may write to it.')
@minLength(3)
param exportConfig string = 'config/exports.json'

@description('When the timer looks for what is due: six fields, UTC.')
@minLength(11)
param exportSchedule string = '0 */5 * * * *'

@description('How many seconds a snapshot\'s newest file must have rested before a run takes it.')
@minValue(0)
param snapshotQuietSeconds int = 120

@description('How many hours files that are missing from a snapshot are waited for; then the run fails.')
@minValue(0)
param snapshotCompleteHours int = 6

@description('Brevo\'s API.')
param brevoBaseUrl string = 'https://api.brevo.com/v3'

@description('The app\'s own address for Brevo\'s call-back, such as that of a gateway before it. Empty: the app\'s host name.')
param publicUrl string = ''

@description('Further settings that hold a secret, separated by commas: notifications\' addresses and signing secrets, another Brevo key. The vault has the secret of NAME_OF_IT as name-of-it.')
param settingsFromVault string = ''

// ---------------------------------------------------------------------------------------------------------------
// Size

@description('The memory of an instance. A run needs 300 MB at its peak, whatever the segment\'s size.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('The most instances at once. A run uses one, and as many more as its connection\'s imports_at_once.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('The redundancy of the storage accounts made here. Standard_LRS where the region has no zones.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSku string = 'Standard_ZRS'

// ---------------------------------------------------------------------------------------------------------------
// Who

@description('The object id of who deploys: azd fills in who is signed in, whatever the environment says. May write the configuration and the Brevo key. Empty: nobody may.')
param principalId string = ''

@description('What the deployer is: azd fills it in as well.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param principalType string = 'User'

@description('The client id of the Entra application whose app roles are administrator, contributor and viewer. Empty: no sign-in, function keys only.')
param authClientId string = ''

@description('The name of the resource group. Empty: made from the environment\'s name.')
param resourceGroupName string = ''

@description('Keeps a deleted key vault, and its name, for 90 days. False for an environment that is deployed and deleted as a drill. A vault that has it keeps it.')
param purgeProtection bool = true

// ---------------------------------------------------------------------------------------------------------------
// Network

@description('A virtual network with private endpoints for storage and key vault, and a NAT gateway: a fixed address for Brevo\'s list of authorised addresses.')
param vnetEnabled bool = false

@description('The network\'s addresses.')
param vnetAddressPrefix string = '10.40.0.0/24'

@description('The part for the app: a /26 has 59 addresses, more than maximumInstanceCount asks for.')
param appSubnetPrefix string = '10.40.0.0/26'

@description('The part for the five private endpoints.')
param endpointSubnetPrefix string = '10.40.0.64/26'

@description('With a network: the one public address that reaches the app\'s storage and the key vault from outside, such as the deployer\'s. Empty: none does. The account for segments made here stays closed.')
param deployerIpAddress string = ''

// ---------------------------------------------------------------------------------------------------------------
// Watching

@description('Who gets alerts. Empty: alerts are only shown in the portal.')
param alertEmail string = ''

@description('Alert when no run of an export has succeeded for so many hours: a day and two hours of grace for a nightly refresh. At most 48.')
@minValue(1)
@maxValue(48)
param alertNoSuccessHours int = 26

@description('Alert when the timer has not run for so many minutes: more than the longest pause in exportSchedule.')
@minValue(15)
@maxValue(1440)
param alertTimerSilentMinutes int = 60

@description('Alert when more than this percentage of a run\'s rows is rejected.')
@minValue(1)
@maxValue(100)
param alertRejectedPercent int = 5

@description('The most gigabytes of logs a day; what comes after is dropped, and alerts are blind until the next day. A quiet day is 0.02.')
@minValue(1)
param logDailyCapGb int = 1

@description('How many days logs are kept; the first 30 are in the price.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

var abbrs = loadJsonContent('./abbreviations.json')
var resourceToken = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var rgName = !empty(resourceGroupName) ? resourceGroupName : '${abbrs.resourcesResourceGroups}${environmentName}'
var functionAppName = '${abbrs.webSitesFunctions}${resourceToken}'
var deploymentContainerName = 'app-package'
var containers = split(replace(segmentContainers, ' ', ''), ',')
var madeHere = empty(segmentStorageAccount)
var segmentAccountName = madeHere ? '${abbrs.storageStorageAccounts}seg${resourceToken}' : segmentStorageAccount
var segmentRgName = madeHere || empty(segmentStorageResourceGroup) ? rgName : segmentStorageResourceGroup
var publicNetworkAccess = vnetEnabled && empty(deployerIpAddress) ? 'Disabled' : 'Enabled'
var systemTopicName = !empty(segmentSystemTopic) ? segmentSystemTopic : '${abbrs.eventGridSystemTopics}${resourceToken}'

resource rg 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: rgName
  location: location
  tags: tags
}

module identity './app/identity.bicep' = {
  name: 'identity'
  scope: rg
  params: {
    name: '${abbrs.managedIdentityUserAssignedIdentities}${resourceToken}'
    location: location
    tags: tags
  }
}

module monitoring './app/monitoring.bicep' = {
  name: 'monitoring'
  scope: rg
  params: {
    logAnalyticsName: '${abbrs.operationalInsightsWorkspaces}${resourceToken}'
    applicationInsightsName: '${abbrs.insightsComponents}${resourceToken}'
    location: location
    tags: tags
    dailyCapGb: logDailyCapGb
    retentionDays: logRetentionDays
  }
}

module storage './app/storage.bicep' = {
  name: 'storage'
  scope: rg
  params: {
    name: '${abbrs.storageStorageAccounts}${resourceToken}'
    location: location
    tags: tags
    sku: storageSku
    deploymentContainerName: deploymentContainerName
    workspaceId: monitoring.outputs.workspaceId
    configContainerName: split(exportConfig, '/')[0]
    isPrivate: vnetEnabled
    publicNetworkAccess: publicNetworkAccess
    allowedIpAddress: deployerIpAddress
  }
}

module segmentStorage './app/segment-storage.bicep' = if (madeHere) {
  name: 'segmentStorage'
  scope: rg
  params: {
    name: segmentAccountName
    location: location
    tags: tags
    sku: storageSku
    containers: containers
    customerInsightsPrincipalId: customerInsightsPrincipalId
    workspaceId: monitoring.outputs.workspaceId
    // Never open to one address beside the network: Customer Insights' Private Link works only with public access off.
    // https://learn.microsoft.com/dynamics365/customer-insights/data/export-azure-blob-storage
    publicNetworkAccess: vnetEnabled ? 'Disabled' : 'Enabled'
  }
}

module keyVault './app/key-vault.bicep' = {
  name: 'keyVault'
  scope: rg
  params: {
    name: '${abbrs.keyVaultVaults}${resourceToken}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    purgeProtection: purgeProtection
    isPrivate: vnetEnabled
    publicNetworkAccess: publicNetworkAccess
    allowedIpAddress: deployerIpAddress
  }
}

module network './app/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: rg
  params: {
    vnetName: '${abbrs.networkVirtualNetworks}${resourceToken}'
    natGatewayName: '${abbrs.networkNatGateways}${resourceToken}'
    publicIpName: '${abbrs.networkPublicIPAddresses}${resourceToken}'
    securityGroupName: '${abbrs.networkNetworkSecurityGroups}${resourceToken}'
    endpointPrefix: abbrs.networkPrivateEndpoints
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    appSubnetPrefix: appSubnetPrefix
    endpointSubnetPrefix: endpointSubnetPrefix
    storageAccountId: storage.outputs.id
    keyVaultId: keyVault.outputs.id
    segmentAccountId: segments.outputs.accountId
  }
}

// In the account's own resource group, which may be another team's.
module segments './app/segments.bicep' = {
  name: 'segments-${resourceToken}'
  scope: resourceGroup(segmentRgName)
  params: {
    accountName: segmentAccountName
    containers: containers
    identityPrincipalId: identity.outputs.principalId
  }
  dependsOn: [
    segmentStorage
  ]
}

// The subscription to it is in app/event-subscription.bicep: it has to wait for the code.
module systemTopic './app/system-topic.bicep' = if (empty(segmentSystemTopic)) {
  name: 'systemTopic-${resourceToken}'
  scope: resourceGroup(segmentRgName)
  params: {
    name: systemTopicName
    location: segments.outputs.accountLocation
    tags: tags
    accountId: segments.outputs.accountId
  }
}

module roles './app/roles.bicep' = {
  name: 'roles'
  scope: rg
  params: {
    identityPrincipalId: identity.outputs.principalId
    storageAccountName: storage.outputs.name
    configContainerName: split(exportConfig, '/')[0]
    keyVaultName: keyVault.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
  }
}

module app './app/function-app.bicep' = {
  name: 'app'
  scope: rg
  params: {
    name: functionAppName
    planName: '${abbrs.webServerFarms}${resourceToken}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainerName: deploymentContainerName
    segmentAccountName: segmentAccountName
    keyVaultUri: keyVault.outputs.uri
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    authClientId: authClientId
    exportConfig: exportConfig
    exportSchedule: exportSchedule
    snapshotQuietSeconds: snapshotQuietSeconds
    snapshotCompleteHours: snapshotCompleteHours
    brevoBaseUrl: brevoBaseUrl
    publicUrl: publicUrl
    secretSettings: empty(settingsFromVault) ? [] : split(replace(settingsFromVault, ' ', ''), ',')
  }
  // The host asks storage for its keys as soon as it starts, and the platform resolves the key vault reference.
  dependsOn: [
    roles
    // The compiler finds this one by way of `network`, which is conditional: without a network Azure would not wait.
    #disable-next-line no-unnecessary-dependson
    segments
  ]
}

module alerts './app/alerts.bicep' = {
  name: 'alerts'
  scope: rg
  params: {
    actionGroupName: '${abbrs.insightsActionGroups}${resourceToken}'
    rulePrefix: abbrs.insightsScheduledQueryRules
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    noSuccessHours: alertNoSuccessHours
    timerSilentMinutes: alertTimerSilentMinutes
    rejectedPercent: alertRejectedPercent
  }
}

// azd keeps outputs as environment values beside those that the parameters are read from, so none of them may have
// the name of a parameter's value: a second deployment would take what the first one made for what is there already.
output AZURE_RESOURCE_GROUP string = rg.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_FUNCTION_APP_URL string = app.outputs.url
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_CONFIG_BLOB string = exportConfig
output AZURE_SEGMENT_ACCOUNT_NAME string = segmentAccountName
output AZURE_SEGMENT_RESOURCE_GROUP string = segmentRgName
output AZURE_SEGMENT_CONTAINERS string = join(containers, ',')
output AZURE_SYSTEM_TOPIC_NAME string = systemTopicName
output AZURE_LOG_ANALYTICS_NAME string = monitoring.outputs.workspaceName
output AZURE_OUTBOUND_IP_ADDRESS string = vnetEnabled ? network!.outputs.outboundIpAddress : ''
