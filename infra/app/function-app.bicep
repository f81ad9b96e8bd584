metadata description = 'The function app on Flex Consumption, its settings, and sign-in.'

param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param storageAccountName string
param deploymentContainerName string
param segmentAccountName string
param keyVaultUri string
param applicationInsightsConnectionString string
param instanceMemoryMB int
param maximumInstanceCount int
param subnetId string
param authClientId string
param exportConfig string
param exportSchedule string
param snapshotQuietSeconds int
param snapshotCompleteHours int
param brevoBaseUrl string
param publicUrl string
param secretSettings array

var hasSignIn = !empty(authClientId)

// Each further setting with a secret is a reference to the secret of its name: TEAMS_WEBHOOK_URL to teams-webhook-url.
var references = [for setting in secretSettings: {
  name: setting
  value: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/${toLower(replace(setting, '_', '-'))})'
}]

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageAccountName
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: two instances would have to be always ready, and a run goes on by itself wherever its worker is lost
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222: Brevo's call-back and Event Grid come from the internet; keys and the call-back's token let them in
  // checkov:skip=CKV_AZURE_17: neither Brevo nor Event Grid has a client certificate
  // checkov:skip=CKV_AZURE_212: Flex Consumption scales from zero; instances that stand by would cost more than all else together
  // checkov:skip=CKV_AZURE_78: Flex Consumption has no FTP, and refuses the property that turns it off
  // checkov:skip=CKV_AZURE_213: Flex Consumption has no health check path: the platform replaces an instance whose host does not answer
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    // The identity that Key Vault references are resolved with; without this line it would be the system's.
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        // A worker needs 300 MB at its peak and the host some 150: 512 MB would leave nothing for a wide segment.
        // 2,048 MB also bring a whole core, which staging is bound by, and all the functions' share of temporary disk.
        instanceMemoryMB: instanceMemoryMB
        // A queue message is one step and host.json takes one at a time, so each waiting message asks for an instance.
        // Few wait: imports_at_once a connection (1 by default) and one confirm step a run. 40 is the fewest that
        // every version of the platform takes, and far from the 250 cores that a region lends a subscription.
        maximumInstanceCount: maximumInstanceCount
        // None: nobody waits for a run's first second, and one would cost more than all else together.
        alwaysReady: []
        triggers: {
          http: {
            // A preview is the one request that reads a segment: four of them at 300 MB are within 2,048.
            perInstanceConcurrency: instanceMemoryMB >= 2048 ? 4 : 1
          }
        }
      }
    }
    siteConfig: {
      // Without the state of FTP: Flex Consumption has none, and Azure refuses the property (400, extended code 51021).
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      remoteDebuggingEnabled: false
      appSettings: concat(references, [
        // The host's and the SDKs': none of them is read by the app's own code.
        {
          name: 'AzureWebJobsStorage__credential'
          value: 'managedidentity'
        }
        {
          name: 'AzureWebJobsStorage__clientId'
          value: identityClientId
        }
        {
          name: 'AZURE_CLIENT_ID' // which identity DefaultAzureCredential takes
          value: identityClientId
        }
        {
          name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
          value: applicationInsightsConnectionString
        }
        {
          name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
          value: 'ClientId=${identityClientId};Authorization=AAD'
        }
        // The app's own: the table in README.md. A test finds the same ones in the code, here and there.
        {
          name: 'AzureWebJobsStorage__accountName'
          value: storage.name
        }
        {
          name: 'SEGMENT_STORAGE__accountName'
          value: segmentAccountName
        }
        {
          name: 'EXPORT_CONFIG'
          value: exportConfig
        }
        {
          name: 'EXPORT_SCHEDULE'
          value: exportSchedule
        }
        {
          name: 'SNAPSHOT_QUIET_SECONDS'
          value: string(snapshotQuietSeconds)
        }
        {
          name: 'SNAPSHOT_COMPLETE_HOURS'
          value: string(snapshotCompleteHours)
        }
        {
          name: 'BREVO_BASE_URL'
          value: brevoBaseUrl
        }
        {
          name: 'PUBLIC_URL'
          value: publicUrl
        }
        {
          name: 'BREVO_API_KEY' // without a version: a rotated key is found within a day, or at once by a refresh
          value: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/brevo-api-key)'
        }
        {
          name: 'APP_SECRET' // post_deploy.py makes it where it is missing, and never replaces it
          value: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/app-secret)'
        }
      ], hasSignIn ? [
        {
          name: 'WEBHOOK_SECRET' // post_deploy.py makes it; without sign-in a key is enough
          value: '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/webhook-secret)'
        }
      ] : [])
    }
  }
}

// No passwords to deploy with: azd and the CLI come with an Entra token.
resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

// Checks the token of who signs in, and puts who it is and the app roles into X-MS-CLIENT-PRINCIPAL. With this off the
// platform lets that header pass as a caller made it up, so code may believe it where WEBSITE_AUTH_ENABLED says True
// and nowhere else. A request without a token goes on to the function,
// where shared/access.py decides: without a token only the webhook, by its secret, and Brevo's call-back are let in.
resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13: on where authClientId is given; without an Entra application there is nobody to sign in with
  // checkov:skip=CKV_AZURE_222: a matter of the app itself, where it is argued; this is its sign-in
  // checkov:skip=CKV_AZURE_63: a setting of App Service's web server; requests are in Application Insights
  // checkov:skip=CKV_AZURE_65: a setting of App Service's web server, which Flex Consumption does not have
  // checkov:skip=CKV_AZURE_66: a setting of App Service's web server, which Flex Consumption does not have
  // checkov:skip=CKV_AZURE_80: there is no .NET in a Python app
  // checkov:skip=CKV_AZURE_88: nothing is kept on a file share
  parent: app
  name: 'authsettingsV2'
  // One change of the site at a time: two at once end as a conflict.
  dependsOn: [
    noScmPassword
  ]
  properties: {
    platform: {
      enabled: hasSignIn
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: hasSignIn ? {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            authClientId
            'api://${authClientId}'
          ]
        }
      }
    } : {}
    login: {
      tokenStore: {
        enabled: false // only who it is matters; no token is kept to act for a person
      }
    }
  }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
