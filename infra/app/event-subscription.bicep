metadata description = 'Sends new segment files to the function blob_export. Deployed by scripts/post_deploy.py, since Event Grid accepts only a function that is there, and it is there once the code is.'

@description('The system topic of the account with the segments, in this resource group.')
param systemTopicName string

@description('The resource id of the function app.')
param functionAppId string

@description('The name of the subscription.')
param name string = 'segment-export'

@description('The containers with segments, separated by commas.')
param containers string

var subjects = [for container in split(containers, ','): '/blobServices/default/containers/${container}/blobs/']

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: systemTopicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema' // what the trigger's EventGridEvent reads
    destination: {
      endpointType: 'AzureFunction'
      properties: {
        resourceId: '${functionAppId}/functions/blob_export'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Storage.BlobCreated'
        // Who writes under another name and renames at the end; sent by accounts with a hierarchical namespace alone.
        // Its subject is the new name. A whole folder that is renamed brings no event of a file: the timer finds those.
        // https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
        'Microsoft.Storage.BlobRenamed'
      ]
      enableAdvancedFilteringOnArrays: false
      advancedFilters: [
        {
          operatorType: 'StringBeginsWith'
          key: 'subject'
          values: subjects
        }
        {
          operatorType: 'StringEndsWith'
          key: 'subject'
          values: [
            '.csv'
            '.csv.gz'
            '/model.json'
          ]
        }
        {
          // Data Lake Storage sends two events of a file: empty when it is opened, and whole when it is closed.
          operatorType: 'StringNotIn'
          key: 'data.api'
          values: [
            'CreateFile'
            'SftpCreate'
          ]
        }
      ]
    }
    // The timer finds what no event reported, so an event that cannot be delivered for a day is let go.
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
